# What the studies of a model over latents share (2409.06190). Sourced instead of common.sh, whose options they take.
MODEL=${MODEL:-msldm-band}
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source runs/training.sh
python=${PYTHON:-.venv/bin/python}
name=$(basename "$model")

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
