#!/usr/bin/env bash
# Train a successor of quals-small; how the shipped one was made, models/quals-small/README.md tells.
#
#   benchmarks/train_quals_small.sh DATA OUTPUT [PROCESSES] [more options of `quals train qagen`]
#
# DATA holds train/*.jsonl.gz and heldout/squad_v11_dev.jsonl.gz, rows {context, question, answer, answer_start}.
# QUALS_STEPS: how many steps of 64 contexts.
# On a CPU one thread for each process is fastest. A run that was stopped goes on when the command is repeated.
set -euo pipefail
data=$1 output=$2 processes=${3:-1} steps=${QUALS_STEPS:-900}
shift $(($# < 3 ? $# : 3))
here=$(dirname "$0")
files=$("$here/qa_files.sh" "$data" "$output")
mapfile -t files <<< "$files"

# Most contexts are cut as short as summaries; some are as long as the chunks in which documents are read.
"$here/train.sh" "$processes" qagen "${files[@]}" --valid "$data/heldout/squad_v11_dev.jsonl.gz" \
    --contexts $((64 * steps)) --crop 0.55 --joined 0.25 --lowercase 0.12 --output "$output" "$@"
