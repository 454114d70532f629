#!/usr/bin/env bash
# Whole bands from nothing, against real songs: distances, silence, noise, coherence, rhythm, copies; by number of steps.
source "$(dirname "$0")/common.sh"
count=$(few "$(or_quick 200 8)")
songs test-a "$count" 12
train=(); if [ -z "$data" ]; then
  real=("${from[@]}")
  songs train "$(or_quick 960 24)" 30
  train=(--training "${from[1]}")
  from=("${real[@]}")
fi
for steps in $(or_quick "4 16 40" "4 16"); do
  made="$work/bands-$(basename "$model")-$steps"
  "$sw" generate -n "$model" --takes "$count" --seconds 6 --steps "$steps" --seed 1 --format flac --skip-existing -o "$made"
  figure "generation-$steps" generation --made "$made" "${from[@]}" --each "$(or_quick 4 2)" "${train[@]}"
done
