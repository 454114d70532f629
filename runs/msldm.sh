# What the studies of a model over latents share (2409.06190). Sourced instead of common.sh, whose options they take.
MODEL=${MODEL:-msldm-band}
set -- --model "$MODEL" "$@"
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source runs/training.sh
python=${PYTHON:-.venv/bin/python}
name=$(basename "$model")

songs_to_learn_from() {
  cache train "$(or_quick 960 24)" "$(or_quick 30 15)" train
  cache validation "$(or_quick 24 8)" "$(or_quick 45 12)" validation
}

latents() { # CODEC NAME OPTIONS…: of both splits, under $work/cache/NAME-train and $work/cache/NAME-validation
  for split in train validation; do
    "$sw" preprocess latents "$(echo "$work/cache/$split"/*)" -n "$1" -o "$work/cache/$2-$split/$split" "${@:3}" >&2
  done
}

over() { # NAME RECIPE LATENTS CODEC: a diffusion model over the latents of a codec
  local how=(--data.codec "$4" --model.codec "$4")
  if $quick; then
    how+=(--trainer.max_steps 40 --trainer.val_check_interval 40 --model.cool_down 20 --model.warm_up 10 --data.valid_crops 4)
    how+=(--data.batch_size 4 --average.decay 0.9 --model.config.net.width 64 --model.config.net.depth 2)
  fi
  fit "$1" "$2" "$3-train" "$3-validation" "${how[@]}"
}

bands() { # MODEL PLACE TAKES OPTIONS…: takes of 6 s; those that are there are not made again
  "$sw" generate -n "$1" --seconds 6 --takes "$3" --seed 1 --format flac --skip-existing $(or_quick "" "--steps 4") "${@:4}" -o "$2"
}
