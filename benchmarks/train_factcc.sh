#!/usr/bin/env bash
# Train a successor of factcc-small; how the shipped one was made, models/factcc-small/README.md tells.
#
#   benchmarks/train_factcc.sh DATA OUTPUT [PROCESSES] [more options of `quals train factcc`]
#
# DATA holds cnndm.jsonl.gz and xsum.jsonl.gz, rows {document, summary}. Articles at the end of each are held out: they
# go to OUTPUT/heldout.jsonl, for benchmarks/factcc.py. It goes on from qa-small: a model that knows which questions a
# text does not answer learns which claims it does not bear out from fewer examples. A run that was stopped goes on when
# the command is repeated. With the option --claims-only the claims are made, before there is a model to go on from.
# FACTCC_STEPS: how many steps of 64 contexts; CLAIM_WORKERS: processes that make claims.
set -euo pipefail
data=$1 output=$2 processes=${3:-1} steps=${FACTCC_STEPS:-600}
shift $(($# < 3 ? $# : 3))
files=("$data/cnndm.jsonl.gz" "$data/xsum.jsonl.gz")
heldout=$output/heldout.jsonl
"$(dirname "$0")/held_out.sh" "$output" "${files[@]}"

workers=${CLAIM_WORKERS:-$(env -u OMP_NUM_THREADS nproc)}  # nproc would take it for the number of cores
# What is held out is left out of the data by the command itself.
"$(dirname "$0")/train.sh" "$processes" factcc "${files[@]}" --valid "$heldout" --model qa-small \
    --contexts $((64 * steps)) --documents 6000 --sentences 8 --noised 0.15 --unsupported 0.1 --lowercase 0.12 \
    --lora-rank 8 --workers "$workers" --output "$output" "$@"
