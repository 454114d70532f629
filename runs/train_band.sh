#!/usr/bin/env bash
# From nothing to the embedded models: songs, training, measurement, cards.
#   runs/train_band.sh [--model band|gmsdi-band|msldm-band] [options of common.sh]      default: all three, in this order
# Each stage goes on where it stopped, training also from its weights alone (WORK/models) where its checkpoint is lost. No network is
# needed, but packages, FluidSynth and the FluidR3 fonts, or --data with songs of your own. Where nothing can be installed, unpacked
# files do: PYTHON and STEMWEAVE name the commands, STEMWEAVE_SOUNDFONTS a folder of fonts, LD_LIBRARY_PATH one with
# libfluidsynth.so.3 and a link to it called libfluidsynth.so (it is found by binutils' ld). On a GPU training begins with the first
# songs while the others are rendered (its loaders hold about 1 GB in shared memory: docker's --shm-size). What comes out is in
# WORK/finished; copied into src/stemweave/model/pretrained it is embedded. With --data and no --split it is measured on the songs of
# the split validation.
MODEL=all
source "$(dirname "$0")/common.sh"
source runs/training.sh
case "$model" in
  all) models="band gmsdi-band msldm-band" ;;
  band|gmsdi-band|msldm-band) models=$model ;;
  *) echo "train_band.sh: --model is $model, expected band, gmsdi-band or msldm-band" >&2; exit 2 ;;
esac
out="$work/finished/results"
mkdir -p "$out"
if [ -n "$data" ] && [ -z "$split" ]; then split=validation; fi # never what it was trained on
if [ -n "$data" ]; then heard="the songs of $(basename "$data")"; else
  heard="songs by stemweave's own band ($(or_quick 960 24) songs of $(or_quick 30 15) s, preset train: FluidR3 GM and FluidR3 Mono"
  heard+=" through FluidSynth, and procedural instruments)"
fi

first_songs() { # on a GPU: the first steps of `band` on the first fifth of the songs, while the others are rendered
  if ! gpu || [ -n "$data" ] || [ -d "$work/models/band" ] || $quick; then return; fi
  cache train 192 30 train
  cache validation 24 45 validation
  cache train 960 30 train > "$work/rendering.log" 2>&1 &
  local rendering=$!
  learn band band train validation --trainer.max_steps 2000 --model.cool_down 0 # checkpoints come every 500
  wait $rendering || { tail -n 1 "$work/rendering.log" >&2; exit 2; }
}

finished() { # NAME OPTIONS…: with what it was trained on, in WORK/finished
  if [ ! -d "$work/finished/$1" ]; then
    "$python" tools/finish_model.py "$work/models/$1" -o "$work/finished/$1" --trained-on "$heard" "${@:2}" >&2
  fi
}

card() { # NAME: written anew from what was measured of it
  local machine
  machine=$("$python" -c "import torch; cuda = torch.cuda.is_available(); print(torch.cuda.get_device_name() if cuda else f'{torch.get_num_threads()} CPU threads')")
  "$python" tools/model_card.py "$work/finished/$1" --results "$out" --hardware "By runs/train_band.sh on $machine." >&2
}

study() { # SCRIPT NAME: of a model that was trained here
  shared "$work/finished/$2"
  "runs/$1.sh" "${same[@]}"
}

band() {
  first_songs
  songs_to_learn_from
  fit band band train validation "$(or_quick 18900 40)" $(brief 40) $(small)
  finished band --valid "$(echo "$work/cache/validation"/*)" --chosen docs/solvers/chosen.json
  study separation band
}

gmsdi-band() {
  songs_to_learn_from
  fit gmsdi-band gmsdi-band train validation "$(or_quick 10500 40)" $(brief 40)
  finished gmsdi-band
  study gmsdi_grid gmsdi-band
  "$python" tools/freeze_ensemble.py "$out/gmsdi-band-grid.json" -n "$work/finished/gmsdi-band" -o "$work/finished/gmsdi-band" >&2
  study gmsdi_separation gmsdi-band
}

msldm-band() {
  local codec="$work/finished/sourcevae-band"
  songs_to_learn_from
  codec sourcevae-band "$(or_quick 3000 40)" "$(or_quick 4000 40)" --model.config.name sourcevae-band
  finished_codec "$codec" "$work/models/sourcevae-band-decoder" --trained-on "$heard"
  latents "$codec" latents
  over msldm-band msldm-band latents "$codec"
  finished msldm-band
  study msldm_speed msldm-band
}

for name in $models; do
  echo "== $name"
  "$name"
  card "$name"
done
