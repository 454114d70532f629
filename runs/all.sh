#!/usr/bin/env bash
# Every script of figures, one after another, with the options of common.sh; then the README's figures. Another --model is for
# the scripts of `band`: those of models of text and over latents are left out (they take one themselves; runs/gmsdi_validation.sh
# gives all of the former), as they are while none is embedded.
cd "$(dirname "$0")/.."
for name in speed separation likelihoods anchors generation accompaniment robustness length priors styles \
  gmsdi_grid gmsdi_separation gmsdi_generation gmsdi_sources gmsdi_speed msldm_codec msldm_generation msldm_accompaniment msldm_separation \
  msldm_speed; do
  if [ "$name" = styles ] && [[ " $* " == *" --data "* ]]; then continue; fi
  own=${name%%_*}-band
  if [[ "$name" == *_* ]] && { [[ " $* " =~ \ (-n|--model)\  ]] || [ ! -d "src/stemweave/model/pretrained/$own" ]; }; then continue; fi
  echo "== runs/$name.sh $*"
  "runs/$name.sh" "$@" || exit
done
