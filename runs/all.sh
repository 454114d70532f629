#!/usr/bin/env bash
# Every script of figures, one after another, with the options of common.sh; then the README's figures. Another --model is for
# the scripts of `band`: those of a model of text are left out (runs/gmsdi_validation.sh takes one), as they are while
# gmsdi-band is not embedded.
cd "$(dirname "$0")/.."
for name in speed separation likelihoods anchors generation accompaniment robustness length priors styles \
  gmsdi_grid gmsdi_separation gmsdi_generation gmsdi_sources; do
  if [ "$name" = styles ] && [[ " $* " == *" --data "* ]]; then continue; fi
  if [[ "$name" == gmsdi_* ]] && { [[ " $* " =~ \ (-n|--model)\  ]] || [ ! -d src/stemweave/model/pretrained/gmsdi-band ]; }; then continue; fi
  echo "== runs/$name.sh $*"
  "runs/$name.sh" "$@" || exit
done
