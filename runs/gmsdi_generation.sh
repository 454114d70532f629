#!/usr/bin/env bash
# Single prompts, total and partial generation (2403.11706 §5). Stems that are drawn independently, one prompt each, are single
# prompts: how silent, how far from real stems, nearest to which, with and without negative prompts, beside independent priors
# (runs/priors.sh trains them) and `band`. Total: every coupling, take by take beside the independent draw of the same prompts.
# Partial: beside `band`, which hears stems, and what its best of 100 by norm, the paper's baseline, is over one take.
source "$(dirname "$0")/gmsdi.sh"
count=$(or_quick 200 8)
songs test-a "$count" 12
same=("${from[@]}" --each "$(or_quick 4 2)")
for negatives in none paper own; do
  made="$work/$name-single-$negatives"
  bands "$model" "$made" "$count" --coupling joint --negative "$negatives"
  figure "$name-single-$negatives" generation --made "$made" "${same[@]}"
done
for coupling in $(or_quick "coherent coherent-root coherent-proportional consistent imitating" "coherent consistent"); do
  made="$work/$name-total-$coupling"
  bands "$model" "$made" "$count" --coupling "$coupling"
  figure "$name-total-$coupling" generation --made "$made" "${same[@]}" --beside "$work/$name-single-own"
done
rivals=(band)
if [ -f "$work/models/independent/trained" ]; then rivals+=("$work/models/independent"); else
  echo "without independent priors: runs/priors.sh trains them" >&2
fi
for rival in "${rivals[@]}"; do
  made="$work/$name-beside-$(basename "$rival")"
  bands "$rival" "$made" "$count"
  figure "$name-beside-$(basename "$rival")" generation --made "$made" "${same[@]}"
done
asked=(--seconds 6 --given drums --given bass,drums --given bass,drums,guitar $(or_quick "" "--steps 4"))
songs test-a "$(or_quick 50 12)" 12
same=("${from[@]}" "${asked[@]}")
for method in $(or_quick "coherent coherent-root coherent-proportional" coherent); do
  made="$work/$name-partial-$method"
  figure "$name-partial-$method" accompaniment -n "$model" "${same[@]}" --method "$method" --made "$made"
done
figure "$name-partial-beside-band" accompaniment -n band "${same[@]}" --method replacement --made "$work/$name-partial-beside-band"
songs test-a "$(or_quick 10 2)" 12
same=("${from[@]}" "${asked[@]}")
for takes in 1 "$(few "$(or_quick 100 2)")"; do
  made="$work/$name-partial-best-of-$takes"
  figure "$name-partial-best-of-$takes" accompaniment -n band "${same[@]}" --method replacement --takes "$takes" --made "$made"
done
