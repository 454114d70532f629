#!/usr/bin/env bash
# Long audio: separation minute by minute, and how a long invented piece keeps its key, tempo and level, and its seams.
source "$(dirname "$0")/common.sh"
songs test-a "$(or_quick 10 1)" "$(or_quick 600 150)"
figure length-separation separation -n "$model" "${from[@]}" --rows masked --protocol active --by minute
for seconds in $(or_quick "60 300 600" "30"); do
  made="$work/long-$(basename "$model")-$seconds"
  "$sw" generate -n "$model" --takes "$(few "$(or_quick 10 1)")" --seconds "$seconds" --steps "$(or_quick 16 4)" --seed 1 --format flac --skip-existing -o "$made"
  figure "length-generation-$seconds" drift --made "$made" --seconds "$(or_quick 30 10)" --seam 1.48608 # half of the window of 65536 samples at 22.05 kHz
done
