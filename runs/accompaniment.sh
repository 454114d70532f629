#!/usr/bin/env bash
# Every choice of given stems: do the new ones sound and fit? Learned conditioning beside the paper's replacement; then the
# same seed with another song's drums and bass.
source "$(dirname "$0")/common.sh"
songs test-a "$(or_quick 200 12)" 12
given=(); if $quick; then given=(--given drums --given bass,drums,guitar); fi
same=(-n "$model" "${from[@]}" --seconds 6 --solver dpm2m --steps "$(or_quick 16 6)")
figure accompaniment accompaniment "${same[@]}" --made "$work/accompaniment" "${given[@]}"
for resamples in $(or_quick "1 3 10" "1"); do
  figure "accompaniment-replacement-$resamples" accompaniment -n "$model" "${from[@]}" --seconds 6 --method replacement \
    --steps "$(or_quick 16 6)" --resamples "$resamples" --made "$work/accompaniment-replacement-$resamples" "${given[@]}"
done
songs test-a 50 "$(or_quick 60 12)"
for stem in drums bass; do
  figure "context-$stem" context -n "$model" "${from[@]}" --given "$stem" --pairs "$(few "$(or_quick 50 10)")" --seconds 6 --solver dpm2m --steps "$(or_quick 12 6)"
done
