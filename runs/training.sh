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

fit() { # NAME RECIPE TRAIN VALIDATION OPTIONS…: a model in $work/models/NAME; goes on where it stopped
  local resume=() run="$work/runs/$1"
  if [ -f "$run/trained" ]; then return; fi
  if [ -f "$run/last.ckpt" ]; then resume=(--ckpt_path "$run/last.ckpt"); fi
  "$sw" train fit --config "recipes/$2.yaml" --model.config.name "$1" \
    --data.train "$(echo "$work/cache/$3"/*)" --data.valid "$(echo "$work/cache/$4"/*)" \
    --average.folder "$work/models/$1" --checkpoint.dirpath "$run" "${@:5}" "${resume[@]}"
  touch "$run/trained"
}
