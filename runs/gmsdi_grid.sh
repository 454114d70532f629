#!/usr/bin/env bash
# Guidance × constrained source, on validation songs (2403.11706 table 1; also as CSV and heat map), and the extractor's negative
# prompts, which act under guidance only.
source "$(dirname "$0")/gmsdi.sh"
sweep
figure "$name-negatives" grid -n "$model" "${from[@]}" --rows direct,masked --vary likelihood=extractor \
  --vary guidance=2 --vary negatives=none,paper $(or_quick "" "--vary steps=4")
