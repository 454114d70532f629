#!/usr/bin/env bash
# Every script of figures, one after another, with the options of common.sh; then the README's figures.
cd "$(dirname "$0")/.."
for name in speed separation likelihoods anchors generation accompaniment robustness length priors styles; do
  if [ "$name" = styles ] && [[ " $* " == *" --data "* ]]; then continue; fi
  echo "== runs/$name.sh $*"
  "runs/$name.sh" "$@" || exit
done
