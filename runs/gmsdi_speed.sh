#!/usr/bin/env bash
# Time and memory of a model of text at its own settings, beside this machine's own rate.
source "$(dirname "$0")/gmsdi.sh"
figure "$name-speed" efficiency -n "$model" --minutes "$(or_quick 1,3 0.2)" --steps 1 --seconds "$(or_quick 12 3)"
