#!/usr/bin/env bash
# What it costs to make music over latents beside the waveform model `band`, one after the other on the same machine.
source "$(dirname "$0")/msldm.sh"
for player in "$model" band; do
  called="$name-speed$([ "$player" = "$model" ] || echo "-beside-$player")"
  figure "$called" efficiency -n "$player" --minutes "$(or_quick 1 0.2)" --steps "$(or_quick 1,4 1)" --seconds "$(or_quick 60 6)"
done
