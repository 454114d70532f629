# What the scripts that train small models share. Sourced after common.sh.

cache() { # SPLIT SONGS SECONDS NAME [RENDER OPTIONS…]: songs rendered (or the user's) and cached under $work/cache/NAME
  if [ -n "$data" ]; then
    "$sw" preprocess audio "$data" --split "$1" -o "$work/cache/$4" >&2
  else
    "$sw" render --preset "$([ "$1" = validation ] && echo valid || echo "$1")" --songs "$2" --seconds "$3" "${@:5}" -o "$work/songs/$4" >&2
    "$sw" preprocess audio "$work/songs/$4" -o "$work/cache/$4" >&2
  fi
}

songs_to_learn_from() { # under $work/cache/train and $work/cache/validation
  cache train "$(or_quick 960 24)" "$(or_quick 30 15)" train
  cache validation "$(or_quick 24 8)" "$(or_quick 45 12)" validation
}

brief() { # STEPS: what a run has besides its recipe that only shows that it runs
  if $quick; then
    echo "--trainer.val_check_interval $1 --model.cool_down $(($1 / 2)) --model.warm_up 10 --average.decay 0.9"
  fi
}

small() { # a small network for `band`, for the same
  if $quick; then echo "--model.config.net.widths [128,128] --model.config.net.blocks [1,1]"; fi
}

course() { # COOL_DOWN: what trainings of a study have in common
  echo "--trainer.val_check_interval $(or_quick 1000 60) --model.cool_down $(or_quick "$1" 30) --model.warm_up $(or_quick 200 10)" \
    "--data.batch_size $(or_quick 8 4) --data.valid_crops $(or_quick 32 4) --average.decay $(or_quick 0.999 0.9)"
}

fit() { # NAME RECIPE TRAIN VALIDATION STEPS OPTIONS…: a model in $work/models/NAME, trained for so many steps in all
  # Goes on where it stopped: from its checkpoint, or from the weights alone where that is lost.
  local run="$work/runs/$1" place="$work/models/$1" from=()
  if [ -f "$run/trained" ]; then return; fi
  mkdir -p "$run"
  if [ -f "$run/last.ckpt" ]; then from=(--ckpt_path "$run/last.ckpt"); elif [ -f "$place/config.json" ]; then
    "$python" -c "import json, sys; print(json.load(open(sys.argv[1]))['steps_trained'])" "$place/config.json" > "$run/before"
    from=(--model.start_from "$place")
  fi
  local before=""
  if [ -f "$run/before" ]; then before=$(cat "$run/before"); fi
  local left=$(($5 - ${before:-0}))
  if [ "$left" -gt 0 ]; then
    learn "$1" "$2" "$3" "$4" --trainer.max_steps "$left" "${@:6}" "${from[@]}"
  fi
  touch "$run/trained"
}

gpu() { # whether there is one: then other cores draw its crops, and more of them for a step (docs/log.md: an estimate)
  "$python" -c "import sys, torch; sys.exit(not torch.cuda.is_available())"
}

workers() { # a core stays for training; at most eight, whose batches are in shared memory
  local free=$(($(nproc) - 1))
  echo $((free < 1 ? 1 : free < 8 ? free : 8))
}

learn() { # NAME RECIPE TRAIN VALIDATION OPTIONS…: one run of training
  local at=--data songs=() at_once
  if [ "$2" = gmsdi-band ]; then
    at+=.init_args.mixtures.init_args
    songs=("$at.train_songs" null "$at.valid_songs" null) # of others only the stems' names are known
    if [ -z "$data" ]; then songs=("$at.train_songs" "$work/songs/$3/train" "$at.valid_songs" "$work/songs/$4/validation"); fi
  fi
  if gpu; then at_once=("$at.workers" "$(workers)" "$at.batch_size" 64); else at_once=(); fi
  "$sw" train fit --config "recipes/$2.yaml" --model.config.name "$1" "${at_once[@]}" \
    "$at.train" "$(echo "$work/cache/$3"/*)" "$at.valid" "$(echo "$work/cache/$4"/*)" "${songs[@]}" \
    --average.folder "$work/models/$1" --checkpoint.dirpath "$work/runs/$1" "${@:5}"
}

latents() { # CODEC NAME OPTIONS…: of both splits, under $work/cache/NAME-of-CODEC-train and $work/cache/NAME-of-CODEC-validation
  for split in train validation; do
    "$sw" preprocess latents "$(echo "$work/cache/$split"/*)" -n "$1" -o "$work/cache/$2-of-$(basename "$1")-$split/$split" "${@:3}" >&2
  done
}

over() { # NAME RECIPE LATENTS CODEC: a diffusion model over the latents of a codec
  local how=(--data.codec "$4" --model.codec "$4" $(brief 40))
  if $quick; then how+=(--data.valid_crops 4 --data.batch_size 4); fi
  local cached
  cached="$3-of-$(basename "$4")"
  fit "$1" "$2" "$cached-train" "$cached-validation" "$(or_quick 9000 40)" "${how[@]}"
}

codec() { # NAME STEPS ALONE OPTIONS…: a codec of single stems; its decoder then goes on alone, in $work/models/NAME-decoder
  # Alone it learns how its sound is heard, and not its waveform, which leaves much too quiet (docs/log.md, "latents drawn in").
  local how=()
  if $quick; then how=(--trainer.val_check_interval 40 --model.warm_up 10 --data.valid_crops 4 --average.decay 0.9); fi
  fit "$1" sourcevae-band train validation "$2" --model.cool_down $(($2 * 2 / 3)) "${how[@]}" "${@:4}"
  mkdir -p "$work/runs/$1-decoder"
  if [ ! -f "$work/runs/$1-decoder/before" ]; then echo "$2" > "$work/runs/$1-decoder/before"; fi
  fit "$1-decoder" sourcevae-band train validation "$(($2 + $3))" --model.cool_down $(($3 / 2)) "${how[@]}" "${@:4}" \
    --model.start_from "$work/models/$1" --model.decoder_alone true --model.weights.waveform 1
}

finished_codec() { # PLACE CODEC… OPTIONS…: with the statistics of its latents, companded
  if [ ! -d "$1" ]; then
    "$python" tools/finish_codec.py "${@:2}" --data "$(echo "$work/cache/train"/*)" --songs "$(or_quick 100 4)" --compand 0.2 -o "$1" >&2
  fi
}
