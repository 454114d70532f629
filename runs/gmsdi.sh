# What the studies of a model of text share (2403.11706). Sourced instead of common.sh, whose options they take; the model is
# $MODEL, or --model NAME: any model that is told in words, so that each study is also one of another architecture.
MODEL=${MODEL:-gmsdi-band}
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
name=$(basename "$model")

heldout() { # SONGS SECONDS: sets `from` to songs on which settings may be chosen, never those of the test
  if [ -n "$data" ]; then from=(--data "$data" --songs "$(few "$1")" --split validation); else songs valid "$1" "$2"; fi
}

sweep() { # Guidance × constrained source (table 1), on validation songs: what separator and extractor are chosen by
  heldout "$(or_quick 24 3)" "$(or_quick 12 6)"
  figure "$name-grid" grid -n "$model" "${from[@]}" --rows direct,masked --across guidance --vary likelihood=dirac,extractor \
    --vary "anchor=$(or_quick bass,drums,guitar,piano bass,drums)" --vary "guidance=$(or_quick 1,1.5,2,3,5 1,2)" $(or_quick "" "--vary steps=4")
}

reads() { # PROMPT…: whether the model reads all of them
  "$python" -c "import sys, stemweave; stemweave.load(sys.argv[1]).told({str(n): one for n, one in enumerate(sys.argv[2:])})" \
    "$model" "$@" 2> /dev/null
}
