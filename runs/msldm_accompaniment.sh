#!/usr/bin/env bash
# Partial generation over latents (2409.06190), every choice of given stems, beside the waveform model `band`; then the same
# seed with another song's drums and bass.
source "$(dirname "$0")/msldm.sh"
given=(); if $quick; then given=(--given drums --given bass,drums,guitar); fi
for player in "$model" band; do
  songs test-a "$(or_quick 200 12)" 12
  called="$name-partial$([ "$player" = "$model" ] || echo "-beside-$player")"
  figure "$called" accompaniment -n "$player" "${from[@]}" --seconds 6 $(or_quick "" "--steps 4") --made "$work/$called" "${given[@]}"
done
songs test-a 50 "$(or_quick 60 12)"
for stem in drums bass; do
  figure "$name-context-$stem" context -n "$model" "${from[@]}" --given "$stem" --pairs "$(few "$(or_quick 50 10)")" --seconds 6 $(or_quick "" "--steps 4")
done
