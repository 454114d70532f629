#!/usr/bin/env bash
# From nothing to the embedded model: render, cache, train, evaluate. Each stage can be stopped and started again.
#   runs/train_band.sh [WORK]            default WORK: .work; needs: make setup, libfluidsynth and the FluidR3 fonts
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-.work}
sw=${STEMWEAVE:-.venv/bin/stemweave}

"$sw" render --preset train --songs 960 --seconds 30 --seed 1 -o "$work/band"
"$sw" render --preset valid --songs 24 --seconds 45 --seed 1 -o "$work/band"
"$sw" preprocess audio "$work/band" --split train -o "$work/cache"
"$sw" preprocess audio "$work/band" --split validation -o "$work/cache"

resume=()
if [ -f "$work/runs/band/last.ckpt" ]; then resume=(--ckpt_path "$work/runs/band/last.ckpt"); fi
"$sw" train fit --config recipes/band.yaml \
  --data.train "$work/cache/train" --data.valid "$work/cache/validation" \
  --average.folder "$work/models/band" --checkpoint.dirpath "$work/runs/band" "${resume[@]}"

"$sw" render --preset test-a --songs 50 --seconds 60 -o "$work/band"
"$sw" evaluate separation -n "$work/models/band" --data "$work/band" --split test-a --json "$work/band-test-a.json" --overwrite
