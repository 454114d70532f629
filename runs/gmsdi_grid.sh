#!/usr/bin/env bash
# Guidance × constrained source, on validation songs (2403.11706 table 1; also as CSV and heat map), and negative prompts.
source "$(dirname "$0")/gmsdi.sh"
sweep
figure "$name-negatives" grid -n "$model" "${from[@]}" --rows direct,masked --vary likelihood=extractor,dirac \
  --vary negatives=none,own,paper $(or_quick "" "--vary steps=4")
