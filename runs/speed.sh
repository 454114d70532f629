#!/usr/bin/env bash
# Time and memory by length and by number of steps, beside this machine's own rate.
source "$(dirname "$0")/common.sh"
figure speed efficiency -n "$model" --minutes "$(or_quick 1,3,10,30 0.5,3)" --steps "$(or_quick 1,4,16,40 1,4)"
