#!/usr/bin/env bash
# What noise, compression, clipping, level, detuning, rooms and an unknown voice cost a separation.
source "$(dirname "$0")/common.sh"
songs test-a "$(or_quick 50 4)" "$(or_quick 60 12)"
figure robustness grid -n "$model" "${from[@]}" --rows masked --by style \
  --vary "harm=none,$(or_quick noise:-60,noise:-50,noise:-40,noise:-30,noise:-20,room:-40,room:-20,gain:-24,gain:-12,gain:12,clip:-3,clip:-6,clip:-12,mp3:64,mp3:128,mp3:320,reverb:0.3,reverb:1,detune:10,detune:50,voice:-12,voice:-6,voice:0 noise:-40,noise:-20,gain:-12,clip:-6,mp3:64,reverb:0.5,detune:20,voice:-6)"
