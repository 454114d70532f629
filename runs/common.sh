# What the other scripts of this folder share: their options, and how figures are kept. Sourced, not run.
#   --data DIR [--split S]  songs as stems, such as Slakh2100 (default: our own band, rendered when first needed)
#   -n, --model NAME        a model by name, folder or hub id (default: band)
#   --work DIR              where songs, trained models and made bands are kept (default: .work/figures)
#   --out DIR               where reports go (default: docs/results; with --data or --model, WORK/results/MODEL-DATA)
#   --at-most N             no more songs, takes or pairs than these: a study for a slow machine; tables say what n is
#   --quick                 a few short songs on two cores: shows that it runs; tables say where n is too small; below OUT/quick
# A report that is there is not made again, and what was stopped goes on; remove a report to measure again. All reports of a
# folder are beside it as one page: docs/results.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sw=${STEMWEAVE:-.venv/bin/stemweave} python=${PYTHON:-.venv/bin/python}
data="" split="" own=${MODEL:-band} model=${MODEL:-band} work=.work/figures out="" most=1000000 quick=false
while [ $# -gt 0 ]; do
  case "$1" in
    --data) data=$2; shift 2 ;;
    --split) split=$2; shift 2 ;;
    -n|--model) model=$2; shift 2 ;;
    --work) work=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --at-most)
      if [[ ! "$2" =~ ^[1-9][0-9]*$ ]]; then echo "$0: --at-most is $2, expected a number of songs, 1 or more" >&2; exit 2; fi
      most=$2; shift 2 ;;
    --quick) quick=true; shift ;;
    *) echo "$0: unknown option $1; expected --data, --split, --model, --work, --out, --at-most or --quick" >&2; exit 2 ;;
  esac
done
if [ -z "$out" ]; then
  out=docs/results
  if [ -n "$data" ] || [ "$model" != "$own" ]; then out="$work/results/$(basename "$model")${data:+-$(basename "$data")}"; fi
  if $quick; then out="$out/quick"; fi
fi
mkdir -p "$out" "$work"

or_quick() { # FULL QUICK: the one that is wanted
  if $quick; then echo "$2"; else echo "$1"; fi
}

few() { # N: as many songs, takes or pairs, but no more than are wanted
  echo $(($1 < most ? $1 : most))
}

songs() { # PRESET SONGS SECONDS [RENDER OPTIONS…]: sets `from`, the options that name these songs to `evaluate`
  local count
  count=$(few "$2")
  if [ -n "$data" ]; then
    from=(--data "$data" --songs "$count")
    if [ -n "$split" ]; then from+=(--split "$split"); fi
  else
    local place="$work/songs/$1-$3"
    "$sw" render --preset "$1" --songs "$count" --seconds "$3" "${@:4}" -o "$place" >&2 || return
    from=(--data "$place" --songs "$count")
  fi
}

figure() { # NAME VERB ARGUMENTS…: one report, unless it is there
  if [ ! -f "$out/$1.json" ]; then "$sw" evaluate "${@:2}" --json "$out/$1.json"; fi
  echo "figures: $out/$1.json"
}

elsewhere() { # NAME ARGUMENTS…: separation on held-out instruments (test-b), fonts (c, d) and notes that people wrote (e)
  # A set whose fonts or pieces are not installed here is left out.
  local set status
  if [ -n "$data" ]; then return; fi
  for set in test-b test-c test-d test-e; do
    status=0
    songs "$set" "$(or_quick "$([ $set = test-e ] && echo 15 || echo 20)" 4)" "$(or_quick 60 14)" || status=$?
    case $status in
      0) figure "$1-$set" separation "${from[@]}" "${@:2}" ;;
      2) echo "$0: $set is left out, what it is made of is not here" >&2 ;;
      *) return $status ;;
    esac
  done
}

shared() { # sets `same`, the options with which another script goes on with this one's: of the model $1
  same=(--model "$1" --work "$work" --out "$out" --at-most "$most")
  if [ -n "$data" ]; then same+=(--data "$data"); fi
  if [ -n "$split" ]; then same+=(--split "$split"); fi
  if $quick; then same+=(--quick); fi
}

bands() { # MODEL PLACE TAKES OPTIONS…: takes of 6 s; those that are there are not made again
  "$sw" generate -n "$1" --seconds 6 --takes "$(few "$3")" --seed 1 --format flac --skip-existing $(or_quick "" "--steps 4") "${@:4}" -o "$2"
}

publish() { # all reports so far as one page each of Markdown and HTML
  for page in md html; do "$sw" evaluate report "$out"/*.json -o "$out.$page" --overwrite; done
}
trap 'status=$?; if [ $status -eq 0 ]; then publish; fi' EXIT
