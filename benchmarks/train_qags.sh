#!/usr/bin/env bash
# Train the two models of QAGS, qg-small and qa-small, as they are shipped.
#
#   benchmarks/train_qags.sh DATA OUTPUT [PROCESSES] [more options of `quals train qg` and `quals train qa`]
#
# DATA as for train_quals_small.sh; the models go to OUTPUT/qg-small and OUTPUT/qa-small. A run that was stopped goes
# on when the command is repeated; a model that is finished is not trained again.
set -euo pipefail
data=$1 output=$2 processes=${3:-1}
shift $(($# < 3 ? $# : 3))
files=$("$(dirname "$0")/qa_files.sh" "$data" "$output")
mapfile -t files <<< "$files"

# train TASK MODEL OPTIONS...
train() {
    local task=$1 model="$output/$2"
    shift 2
    [ ! -f "$model/quals.json" ] || { echo "$model is finished"; return; }
    torchrun --nproc-per-node "$processes" -m quals.cli.main train "$task" "${files[@]}" \
        --valid "$data/heldout/squad_v11_dev.jsonl.gz" --lora-rank 8 --output "$model" "$@"
}

export OMP_NUM_THREADS=1
train qg qg-small --contexts 3200 "$@"
# Questions are answered from documents, which are longer than summaries: fewer windows.
train qa qa-small --contexts 4000 --max-pairs 8 --crop 0.4 "$@"
