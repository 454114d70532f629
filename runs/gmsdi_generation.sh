#!/usr/bin/env bash
# Single prompts, total and partial generation (2403.11706 §5). Stems that are drawn independently, one prompt each, are single
# prompts: how silent, how far from real stems, nearest to which, with and without negative prompts, which act under guidance only,
# beside independent priors (runs/priors.sh trains them) and `band`. Total: every coupling, take by take beside the independent draw of
# the same prompts. Partial: beside `band`, which hears stems, and what its best of 100 by norm, the paper's baseline, is over one take.
source "$(dirname "$0")/gmsdi.sh"
count=$(or_quick 200 8)
songs test-a "$count" 12
same=("${from[@]}" --each "$(or_quick 4 2)")
single() { # GUIDANCE NEGATIVES
  local made="$work/$name-single-$2-guidance-$1"
  bands "$model" "$made" "$count" --coupling joint --guidance "$1" --negative "$2"
  figure "$name-single-$2-guidance-$1" generation --made "$made" "${same[@]}"
}
single 1 none
for negatives in none paper; do single "$(or_quick 3 2)" "$negatives"; done
couplings="consistent-power consistent coherent coherent-root coherent-proportional coherent-sources coherent-gradients imitating"
for coupling in $(or_quick "$couplings" "coherent consistent-power"); do
  made="$work/$name-total-$coupling"
  bands "$model" "$made" "$count" --coupling "$coupling"
  figure "$name-total-$coupling" generation --made "$made" "${same[@]}" --beside "$work/$name-single-none-guidance-1"
done
rivals=(band)
if [ -f "$work/runs/independent/trained" ]; then rivals+=("$work/models/independent"); else
  echo "without independent priors: runs/priors.sh trains them" >&2
fi
for rival in "${rivals[@]}"; do
  made="$work/$name-beside-$(basename "$rival")"
  bands "$rival" "$made" "$count"
  figure "$name-beside-$(basename "$rival")" generation --made "$made" "${same[@]}"
done
asked=(--seconds 6 --given drums --given bass,drums --given bass,drums,guitar $(or_quick "" "--steps 4"))
songs test-a "$(or_quick 20 12)" 12
same=("${from[@]}" "${asked[@]}")
for method in $(or_quick "${couplings% imitating}" "coherent consistent-power"); do
  made="$work/$name-partial-$method"
  figure "$name-partial-$method" accompaniment -n "$model" "${same[@]}" --method "$method" --made "$made"
done
figure "$name-partial-beside-band" accompaniment -n band "${same[@]}" --method replacement --made "$work/$name-partial-beside-band"
songs test-a "$(or_quick 10 12)" 12
same=("${from[@]}" "${asked[@]}")
for takes in 1 "$(few "$(or_quick 100 2)")"; do
  made="$work/$name-partial-best-of-$takes"
  figure "$name-partial-best-of-$takes" accompaniment -n band "${same[@]}" --method replacement --takes "$takes" --made "$made"
done
