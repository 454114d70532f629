#!/usr/bin/env bash
# Two to eight sources, several of one family, named by prompts alone: time, silence, whether they belong together, level of the
# mix; drawn independently, under a mixture's prior and beside a mixture (an open question of 2403.11706).
source "$(dirname "$0")/gmsdi.sh"
prompts=("slap bass" "drums" "clean electric guitar" "grand piano" "nylon-string guitar" "electric piano" "upright bass" "brushed drums")
unpitched=drums,brushed-drums
if ! reads "${prompts[@]}"; then  # it knows labels only: sources of one kind and of two
  prompts=(bass drums guitar piano "bass, guitar" "bass, piano" "guitar, piano" "bass, guitar, piano")
  unpitched=drums
fi
folders=()
for coupling in joint consistent-power coherent; do
  for sources in $(or_quick "2 3 4 5 6 7 8" "2 4 8"); do
    made="$work/$name-sources/$coupling-$sources" asked=()
    for prompt in "${prompts[@]:0:$sources}"; do asked+=(-p "$prompt"); done
    bands "$model" "$made" "$(or_quick 50 4)" --coupling "$coupling" "${asked[@]}"
    folders+=("$made")
  done
done
figure "$name-sources" sources "${folders[@]}" --unpitched "$unpitched"
