#!/usr/bin/env bash
# The studies of 2403.11706 on a model of text of another architecture, and what it separates beside the one of ours.
#   runs/gmsdi_validation.sh [--model NAME] [options of common.sh]
# Without --model: the published U-Net made small, which is trained here first (recipes/gmsdi-unet-band.yaml).
MODEL=gmsdi-unet-band
source "$(dirname "$0")/gmsdi.sh"
source runs/training.sh
if [ "$model" = gmsdi-unet-band ]; then
  songs_to_learn_from
  fit gmsdi-unet-band gmsdi-unet-band train validation "$(or_quick 4000 40)" $(brief 40)
  model="$work/models/gmsdi-unet-band"
fi
shared "$model"
for study in grid separation generation sources; do "runs/gmsdi_$study.sh" "${same[@]}"; done
if [ "$name" = gmsdi-band ]; then exit; fi
ours="$name-beside-gmsdi-band-ensemble"
songs test-a "$(or_quick 50 8)" "$(or_quick 60 14)"
figure "$ours" separation -n gmsdi-band "${from[@]}" --likelihood ensemble --protocol active,msdm --rows direct,masked $(or_quick "" "--steps 4")
for row in direct masked; do
  figure "$name-ensemble-over-gmsdi-band-$row" compare "$out/$ours.json" "$out/$name-ensemble.json" --row "$row"
done
