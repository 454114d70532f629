# What the studies of a model over latents share (2409.06190). Sourced instead of common.sh, whose options they take.
MODEL=${MODEL:-msldm-band}
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source runs/training.sh
name=$(basename "$model")
