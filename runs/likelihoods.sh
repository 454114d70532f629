#!/usr/bin/env bash
# Likelihood × steps × correction, as in 2302.02257 table 2; then the Gaussian likelihood's noise, its exact flow beside the
# explicit step of the paper, and churn.
source "$(dirname "$0")/common.sh"
songs test-a "$(or_quick 50 3)" "$(or_quick 12 6)"
same=(-n "$model" "${from[@]}" --rows direct --seeds "$(or_quick 3 1)")
figure likelihoods grid "${same[@]}" --vary solver=euler --vary churn=20 \
  --vary likelihood=learned,dirac,gaussian,even,posterior-mean --vary "steps=$(or_quick 1,4,16,40 1,4)" --vary "resamples=$(or_quick 1,2 1)"
figure gaussian grid "${same[@]}" --vary likelihood=gaussian --vary solver=euler --vary "steps=$(or_quick 40 8)" \
  --vary relaxation=exact,explicit --vary "gamma=$(or_quick 0.1,0.3,0.53,1.06,2.1,3 0.3,1.06)"
figure churn grid "${same[@]}" --vary likelihood=dirac --vary solver=euler --vary "steps=$(or_quick 40 8)" \
  --vary "churn=$(or_quick 0,5,20,40 0,20)"
