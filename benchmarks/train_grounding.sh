#!/usr/bin/env bash
# Train a QAGen model on, to tell what a document bears out: the second half of a successor of quals-small.
#
#   benchmarks/train_grounding.sh DATA OUTPUT [PROCESSES] [more options of `quals train grounding`]
#
# DATA/summarization is as for train_factcc.sh, with the same articles held out (to OUTPUT/heldout.jsonl), DATA/qa as for
# train_quals_small.sh: its questions are learnt from between the others. Without --model it goes on from quals-small. A
# run that was stopped goes on when the command is repeated.
# GROUNDING_STEPS: how many steps of 64: some 30 windows of documents, 30 claims and 4 contexts with questions;
# CLAIM_WORKERS: processes that make claims.
set -euo pipefail
data=$1 output=$2 processes=${3:-1} steps=${GROUNDING_STEPS:-200}
shift $(($# < 3 ? $# : 3))
here=$(dirname "$0")
files=("$data/summarization/cnndm.jsonl.gz" "$data/summarization/xsum.jsonl.gz")
heldout=$output/heldout.jsonl
"$here/held_out.sh" "$output" "${files[@]}"
replay=()
questions=$("$here/qa_files.sh" "$data/qa" "$output")
while read -r file; do replay+=(--replay "$file"); done <<< "$questions"

workers=${CLAIM_WORKERS:-$(env -u OMP_NUM_THREADS nproc)}  # nproc would take it for the number of cores
"$here/train.sh" "$processes" grounding "${files[@]}" --held-out "$heldout" "${replay[@]}" \
    --valid "$data/qa/heldout/squad_v11_dev.jsonl.gz" --contexts $((30 * steps)) --documents 2000 \
    --learning-rate 3e-4 --warmup 10 --workers "$workers" --output "$output" "$@"
