#!/usr/bin/env bash
# Which stem should be constrained? Anchor × likelihood × resamples × line-up (an open question of 2302.02257).
source "$(dirname "$0")/common.sh"
songs test-a "$(or_quick 50 3)" "$(or_quick 12 6)"
figure anchors grid -n "$model" "${from[@]}" --rows direct --seeds "$(or_quick 3 1)" --vary solver=euler --vary "churn=$(or_quick 20 0)" \
  --vary "steps=$(or_quick 40 16)" --vary likelihood=dirac,even,gaussian,posterior-mean \
  --vary anchor=loudest,bass,drums,guitar,piano --vary "resamples=$(or_quick 1,2,4 1)" \
  --vary "lineup=all,bass+drums,$(or_quick bass+guitar,bass+piano,drums+guitar,drums+piano,guitar+piano,bass+drums+piano,bass+guitar+piano guitar+piano)"
