#!/usr/bin/env bash
# One VAE for all stems beside one VAE for each (2409.06190 has both readings), trained for as many steps in all; and Opus.
source "$(dirname "$0")/msldm.sh"
songs_to_learn_from
voices=()
for stem in bass drums guitar piano; do # each for a quarter of the steps
  codec "sourcevae-$stem" "$(or_quick 750 40)" "$(or_quick 1000 40)" --data.stems "[$stem]"
  voices+=("$stem=$work/models/sourcevae-$stem-decoder")
done
finished_codec "$work/models/sourcevae-each" "${voices[@]}"
songs test-a "$(or_quick 50 8)" "$(or_quick 60 14)"
figure "$name-codec" codec "${from[@]}" --codecs opus:24,opus:64 --codec "$model" --codec "$work/models/sourcevae-each"
