#!/usr/bin/env bash
# How well songs are taken apart: both protocols, global SDR, BSSEval on a few songs (it is slow); by style, minute and number of
# sounding stems; on timbres and fonts that training heard (test-a) and did not hear (b, c, d), and on notes that people wrote (e).
source "$(dirname "$0")/common.sh"
parts=(--by style,minute,sources)
songs test-a "$(or_quick 50 8)" "$(or_quick 60 14)"
figure "separation-test-a" separation -n "$model" "${from[@]}" --protocol active,msdm,global "${parts[@]}"
songs test-a "$(or_quick 20 4)" "$(or_quick 60 14)"
figure "separation-bsseval" separation -n "$model" "${from[@]}" --rows masked --protocol bsseval
elsewhere separation -n "$model" --protocol active,global "${parts[@]}"
