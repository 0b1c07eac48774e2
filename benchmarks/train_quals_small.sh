#!/usr/bin/env bash
# Train quals-small as it is shipped.
#
#   benchmarks/train_quals_small.sh DATA OUTPUT [PROCESSES] [more options of `quals train qagen`]
#
# DATA holds train/*.jsonl.gz and heldout/squad_v11_dev.jsonl.gz, rows {context, question, answer, answer_start}.
# On a CPU one thread for each process is fastest. A run that was stopped goes on when the command is repeated.
set -euo pipefail
data=$1 output=$2 processes=${3:-1}
shift $(($# < 3 ? $# : 3))
files=$("$(dirname "$0")/qa_files.sh" "$data" "$output")
mapfile -t files <<< "$files"

export OMP_NUM_THREADS=1
torchrun --nproc-per-node "$processes" -m quals.cli.main train qagen \
    "${files[@]}" \
    --valid "$data/heldout/squad_v11_dev.jsonl.gz" --contexts 10400 --output "$output" "$@"
