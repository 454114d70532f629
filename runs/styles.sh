#!/usr/bin/env bash
# Train styles × test styles: a model that heard half of the styles, on songs of both halves, beside one that heard the others.
# Needs our own band, whose songs say their style; the style tables of separation.sh and accompaniment.sh also take other songs.
source "$(dirname "$0")/common.sh"
source runs/training.sh
if [ -n "$data" ]; then echo "styles.sh renders its own songs, in chosen styles: leave out --data" >&2; exit 2; fi
straight="rock,pop,ballad,disco,metal,latin,bossa" swung="funk,reggae,swing,shuffle,waltz,slow 12/8"
for half in straight swung; do
  cache train "$(or_quick 480 16)" "$(or_quick 30 15)" "train-$half" --styles "${!half}"
  cache validation "$(or_quick 16 6)" "$(or_quick 45 12)" "validation-$half" --styles "${!half}"
  fit "$half" band "train-$half" "validation-$half" "$(or_quick 4000 60)" $(course 2000) $(small)
done
for half in straight swung; do
  place="$work/songs/test-$half"
  "$sw" render --preset test-a --songs "$(few "$(or_quick 50 6)")" --seconds "$(or_quick 30 8)" --styles "${!half}" -o "$place"
  figure "styles-heard-on-$half" ablation "$work/models/straight" "$work/models/swung" --data "$place" --rows masked
  for model in straight swung; do
    made="$work/accompaniment-$model-on-$half"
    "$sw" render --preset test-a --songs "$(few "$(or_quick 100 10)")" --seconds 12 --styles "${!half}" -o "$place-12"
    figure "styles-$model-plays-$half" accompaniment -n "$work/models/$model" --data "$place-12" --seconds 6 --given drums --solver dpm2m \
      --steps "$(or_quick 16 6)" --made "$made"
  done
done
