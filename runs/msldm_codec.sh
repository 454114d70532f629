#!/usr/bin/env bash
# One VAE for all stems beside one VAE for each (2409.06190 has both readings), trained for as many steps in all; and Opus.
source "$(dirname "$0")/msldm.sh"
songs_to_learn_from
steps=$(or_quick 1250 40) # a quarter of the recipe's
voices=()
for stem in bass drums guitar piano; do
  fit "sourcevae-$stem" sourcevae-band train validation "$steps" --data.stems "[$stem]" \
    --trainer.val_check_interval "$steps" --model.cool_down "$((steps / 2))" $(or_quick "" "--model.warm_up 10 --data.valid_crops 4 --average.decay 0.9")
  voices+=("$stem=$work/models/sourcevae-$stem")
done
if [ ! -d "$work/models/sourcevae-each" ]; then
  "$python" tools/finish_codec.py "${voices[@]}" --data "$(echo "$work/cache/train"/*)" --songs "$(or_quick 100 4)" \
    --compand 0.2 -o "$work/models/sourcevae-each" >&2
fi
songs test-a "$(or_quick 50 8)" "$(or_quick 60 14)"
figure "$name-codec" codec "${from[@]}" --codecs opus:24,opus:64 --codec "$model" --codec "$work/models/sourcevae-each"
