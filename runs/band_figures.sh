#!/usr/bin/env bash
# Every figure of the embedded model that the README and docs/results.md show. Stages that are done are not done again.
#   runs/band_figures.sh [WORK] [MODEL]
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-.work}
model=${2:-band}
sw=${STEMWEAVE:-.venv/bin/stemweave}
results=docs/results
mkdir -p "$results"

"$sw" render --preset test-a --songs 50 --seconds 60 -o "$work/test"
"$sw" render --preset test-c --songs 20 --seconds 60 -o "$work/test"
"$sw" render --preset test-a --songs 50 --seconds 12 --seed 1 -o "$work/short"

figure() { # NAME ARGUMENTS…: one report, unless it is there
  if [ ! -f "$results/$1.json" ]; then "$sw" evaluate "${@:2}" -n "$model" --json "$results/$1.json" >/dev/null; fi
}
figure band-test-a separation --data "$work/test" --split test-a --protocol active
figure band-test-c separation --data "$work/test" --split test-c --protocol active
for given in drums bass; do
  figure "band-context-$given" context --data "$work/test" --split test-a --given "$given" --pairs 50 --seconds 6 \
    --solver dpm2m --steps 12
done
figure band-steps grid --data "$work/short" --vary solver=euler --vary steps=1,2,4
figure band-likelihoods grid --data "$work/short" --vary solver=euler --vary churn=20 \
  --vary likelihood=learned,dirac,gaussian,even,posterior-mean --vary steps=1,4,16,40
if [ ! -f "$results/speed.json" ]; then .venv/bin/python bench/speed.py --model "$model"; fi
.venv/bin/python bench/figures.py
