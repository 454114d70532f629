#!/usr/bin/env bash
# Does a joint prior gain from context? Joint, joint trained on shuffled stems, and independent priors, at equal stem-hours:
# as separators through Dirac and Gaussian likelihoods, where the product of joint and independent takes part, and as bands (coherence).
# An open question of 2302.02257.
source "$(dirname "$0")/common.sh"
source runs/training.sh
songs_to_learn_from
steps=$(or_quick 7300 60)
fit joint msdm-band train validation "$steps" $(course 4300) $(small)
fit shuffled msdm-band train validation "$steps" $(course 4300) $(small) --data.remix 1.0
fit independent isdm-band train validation "$steps" $(course 4300) $(small)
songs test-a "$(or_quick 50 6)" "$(or_quick 12 6)"
# Without churn and resamples: by Dirac, priors of this size do better so (docs/solvers.md).
figure priors-separation grid "${from[@]}" --rows direct,masked --vary likelihood=dirac,gaussian --vary solver=euler --vary churn=0 \
  --vary "steps=$(or_quick 40 16)" \
  --vary "model=$work/models/joint,$work/models/shuffled,$work/models/independent,$work/models/joint*$work/models/independent"
songs test-a "$(or_quick 200 8)" 12
for prior in joint shuffled independent; do
  made="$work/bands-$prior"
  "$sw" generate -n "$work/models/$prior" --takes "$(few "$(or_quick 200 8)")" --seconds 6 --steps "$(or_quick 16 4)" --seed 1 --format flac --skip-existing -o "$made"
  figure "priors-generation-$prior" generation --made "$made" "${from[@]}" --each "$(or_quick 4 2)"
done
