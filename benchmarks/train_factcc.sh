#!/usr/bin/env bash
# Train a successor of factcc-small; how the shipped one was made, models/factcc-small/README.md tells.
#
#   benchmarks/train_factcc.sh DATA OUTPUT [PROCESSES] [more options of `quals train factcc`]
#
# DATA/summarization holds cnndm.jsonl.gz and xsum.jsonl.gz, rows {document, summary}. Articles at the end of each are
# held out: they go to OUTPUT/heldout.jsonl, for benchmarks/factcc.py. DATA/qa is as for train_quals_small.sh; claims in
# other words than a text's are made of its questions. It goes on from qa-small: a model that knows which questions a text
# does not answer learns which claims it does not bear out from fewer examples. A run that was stopped goes on when the
# command is repeated. With the option --claims-only the claims are made, before there is a model to go on from.
# FACTCC_STEPS: how many steps of 64 contexts; CLAIM_WORKERS: processes that make claims.
set -euo pipefail
data=$1 output=$2 processes=${3:-1} steps=${FACTCC_STEPS:-600}
shift $(($# < 3 ? $# : 3))
here=$(dirname "$0")
files=("$data/summarization/cnndm.jsonl.gz" "$data/summarization/xsum.jsonl.gz")
heldout=$output/heldout.jsonl
"$here/held_out.sh" "$output" "${files[@]}"
asked=()
for name in squad_train_part_du_test squad_train_part_jucho squad_train_part_routerlens squad_sample_emptycityjk \
    squadshifts_new_wiki squadshifts_reddit quoref_sample covidqa; do
    asked+=(--questions "$data/qa/train/$name.jsonl.gz")
done

workers=${CLAIM_WORKERS:-$(env -u OMP_NUM_THREADS nproc)}  # nproc would take it for the number of cores
# What is held out is left out of the data by the command itself.
"$here/train.sh" "$processes" factcc "${files[@]}" --valid "$heldout" "${asked[@]}" \
    --valid-questions "$data/qa/heldout/squad_v11_dev.jsonl.gz" --model qa-small \
    --contexts $((64 * steps)) --documents 6000 --asked 10000 --sentences 8 --noised 0.15 --unsupported 0.1 \
    --lowercase 0.12 --lora-rank 8 --workers "$workers" --output "$output" "$@"
