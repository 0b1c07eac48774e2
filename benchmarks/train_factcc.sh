#!/usr/bin/env bash
# Train factcc-small.
#
#   benchmarks/train_factcc.sh DATA OUTPUT [PROCESSES] [more options of `quals train factcc`]
#
# DATA holds cnndm.jsonl.gz and xsum.jsonl.gz, rows {document, summary}. Articles at the end of each are held out: they
# go to OUTPUT/heldout.jsonl, for benchmarks/factcc.py. It goes on from qa-small: a model that knows which questions a
# text does not answer learns which claims it does not bear out from fewer examples. A run that was stopped goes on when
# the command is repeated.
set -euo pipefail
data=$1 output=$2 processes=${3:-1}
shift $(($# < 3 ? $# : 3))
files=("$data/cnndm.jsonl.gz" "$data/xsum.jsonl.gz")
mkdir -p "$output"
heldout=$output/heldout.jsonl
if [ ! -f "$heldout" ]; then
    for file in "${files[@]}"; do zcat "$file" | tail -n 250; done > "$heldout.partial"
    mv "$heldout.partial" "$heldout"
fi

workers=$(env -u OMP_NUM_THREADS nproc)  # nproc would take it for the number of cores
export OMP_NUM_THREADS=1
# train FOLDER OPTIONS...
train() {
    local folder=$1
    shift
    [ ! -f "$folder/quals.json" ] || { echo "$folder is finished"; return; }
    # What is held out is left out of the data by the command itself.
    torchrun --nproc-per-node "$processes" -m quals.cli.main train factcc "${files[@]}" --valid "$heldout" \
        --noised 0.15 --unsupported 0.1 --lora-rank 8 --workers "$workers" --output "$folder" "$@"
}

# The second run, on other claims and at the full rate again, goes on from the first.
train "$output/first" --model qa-small --contexts 1600 --documents 2000 --sentences 5 "$@"
train "$output" --contexts 2400 --documents 3000 --sentences 8 "$@" --model "$output/first"
