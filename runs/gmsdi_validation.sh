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
same=(--model "$model" --work "$work" --out "$out" --at-most "$most")
if [ -n "$data" ]; then same+=(--data "$data"); fi
if [ -n "$split" ]; then same+=(--split "$split"); fi
if $quick; then same+=(--quick); fi
for study in grid separation generation sources; do "runs/gmsdi_$study.sh" "${same[@]}"; done
if [ "$name" = gmsdi-band ]; then exit; fi
ours=docs/results
if [ -n "$data" ]; then ours="$work/results/gmsdi-band-$(basename "$data")"; fi
if $quick; then ours="$ours/quick"; fi
if [ -f "$out/gmsdi-band-dirac.json" ]; then ours=$out; fi
for rule in dirac extractor ensemble; do
  if [ ! -f "$ours/gmsdi-band-$rule.json" ]; then echo "nothing to compare with: runs/gmsdi_separation.sh measures gmsdi-band" >&2; exit; fi
  figure "$name-over-gmsdi-band-$rule" compare "$ours/gmsdi-band-$rule.json" "$out/$name-$rule.json" --row masked
done
