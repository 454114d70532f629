#!/usr/bin/env bash
# Separator, extractor and ensemble on test songs (2403.11706 table 2), beside expected spectra alone, where the walks begin, and
# the learned and the Dirac separation of `band`; what is found of prompts whose instruments are not there.
# Anchor, guidance and which stems are extracted are chosen on validation songs and frozen in a copy of the model; whatever that
# choice gives on test songs is reported.
source "$(dirname "$0")/gmsdi.sh"
sweep
chosen="$work/models/$name-chosen"
"$python" tools/freeze_ensemble.py "$out/$name-grid.json" -n "$model" -o "$chosen"
brief=$(or_quick "" "--steps 4")
songs test-a "$(or_quick 20 3)" "$(or_quick 60 14)"
figure "$name-absent" extraction -n "$chosen" "${from[@]}" --absent $brief
rules="dirac extractor ensemble"
if "$python" -c "import sys; from stemweave.model.checkpoint import load; sys.exit(not load(sys.argv[1]).expects)" "$chosen"; then
  rules="expected $rules"
  elsewhere "$name-expected" -n "$chosen" --likelihood expected --protocol active,msdm --rows direct,masked,oracle $brief
fi
songs test-a "$(or_quick 50 8)" "$(or_quick 60 14)"
for rule in $rules; do
  figure "$name-$rule" separation -n "$chosen" "${from[@]}" --likelihood "$rule" --protocol active,msdm --rows direct,masked,oracle $brief
done
for rule in learned dirac; do
  figure "$name-beside-band-$rule" separation -n band "${from[@]}" --likelihood "$rule" --protocol active,msdm --rows direct,masked $brief
done
for row in direct masked; do
  for rule in dirac extractor ensemble; do
    for rival in learned dirac; do
      figure "$name-$rule-over-band-$rival-$row" compare "$out/$name-beside-band-$rival.json" "$out/$name-$rule.json" --row "$row"
    done
  done
  for rule in extractor ensemble; do
    figure "$name-$rule-over-separator-$row" compare "$out/$name-dirac.json" "$out/$name-$rule.json" --row "$row"
  done
done
