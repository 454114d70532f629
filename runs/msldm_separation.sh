#!/usr/bin/env bash
# Songs taken apart over latents (2409.06190 cannot; 2510.23530): a codec in whose latents a mixture is the sum of its stems, a
# prior over them, and its Dirac and Gaussian likelihoods beside those of the waveform model `band`, with and without churn.
source "$(dirname "$0")/msldm.sh"
songs_to_learn_from
fit sourcevae-linear-band sourcevae-linear-band train validation "$(or_quick 1500 40)" $(brief 40)
linear="$work/models/sourcevae-linear"
finished_codec "$linear" "$work/models/sourcevae-linear-band"
latents "$linear" latents
over msldm-linear-band msldm-linear-band latents "$linear"
songs test-a "$(or_quick 50 8)" 12
figure "$name-separation" grid "${from[@]}" --rows direct,masked --vary likelihood=dirac,gaussian --vary churn=0,20 \
  --vary solver=euler --vary "steps=$(or_quick 40 4)" --vary "model=$work/models/msldm-linear-band,band"
