#!/usr/bin/env bash
# Train successors of all shipped models: quals-small, qg-small, qa-small and factcc-small. How the shipped ones were made,
# their cards tell (models/*/README.md).
#
#   benchmarks/train_all.sh DATA OUTPUT [PROCESSES] [more options of all `quals train` commands]
#
# DATA/qa is as for train_quals_small.sh, DATA/summarization as for train_factcc.sh.
# The models go to OUTPUT/quals-small and so on (with OUTPUT/quals-first, which that one goes on from), what the trainings
# say to OUTPUT/quals-small.log and so on. A run that was stopped goes on when the command is repeated; a model that is
# finished is not trained again; one that fails does not stop the others. On a GPU they are trained side by side,
# factcc-small behind qa-small, and its claims are made meanwhile: AT_ONCE=yes, or AT_ONCE=no for one after the other,
# as without a GPU.
set -uo pipefail
data=$1 output=$2 processes=${3:-1}
shift $(($# < 3 ? $# : 3))
here=$(dirname "$0")
# Steps of 64 contexts.
export QUALS_STEPS=${QUALS_STEPS:-700} GROUNDING_STEPS=${GROUNDING_STEPS:-200} QG_STEPS=${QG_STEPS:-300} \
    QA_STEPS=${QA_STEPS:-600} FACTCC_STEPS=${FACTCC_STEPS:-600}
at_once=no mixed=()
if python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    at_once=yes
    set -- --micro-batch 32 --loaders 3 "$@"  # a GPU has room for half a step of each of three trainings
    mixed=(--micro-batch 8)  # but where windows and claims are learnt from, a step has to have both
fi
at_once=${AT_ONCE:-$at_once}
mkdir -p "$output"

# model NAME COMMAND...: train a model that is not finished yet
model() {
    local name=$1
    shift
    if [ -f "$output/$name/quals.json" ]; then
        echo "$name is finished"
    elif "$@" >> "$output/$name.log" 2>&1; then
        echo "$name: trained in $SECONDS s"
    else
        echo "$name: failed after $SECONDS s, see $output/$name.log" >&2
        return 1
    fi
}
quals() {
    [ ! -f "$output/quals-small/quals.json" ] || { echo "quals-small is finished"; return; }
    model quals-first "$here/train_quals_small.sh" "$data/qa" "$output/quals-first" "$processes" "$@" &&
        model quals-small "$here/train_grounding.sh" "$data" "$output/quals-small" "$processes" "$@" \
            "${mixed[@]}" --model "$output/quals-first"
}
qg() { TASKS=qg model qg-small "$here/train_qags.sh" "$data/qa" "$output" "$processes" "$@"; }
qa() { TASKS=qa model qa-small "$here/train_qags.sh" "$data/qa" "$output" "$processes" "$@"; }
factcc() {
    model factcc-small "$here/train_factcc.sh" "$data/summarization" "$output/factcc-small" "$processes" "$@" \
        --model "$output/qa-small"
}
claims() {
    [ -f "$output/factcc-small/quals.json" ] ||
        nice "$here/train_factcc.sh" "$data/summarization" "$output/factcc-small" 1 "$@" --claims-only \
            > "$output/claims.log" 2>&1
}

failed=0
if [ "$at_once" = yes ]; then
    claims "$@" &  # factcc waits for them, by the lock on their file
    quals "$@" &
    running=($!)
    qg "$@" &
    running+=($!)
    { qa "$@" && factcc "$@"; } &
    running+=($!)
    for process in "${running[@]}"; do wait "$process" || failed=1; done
else
    quals "$@" || failed=1
    qg "$@" || failed=1
    { qa "$@" && factcc "$@"; } || failed=1
fi
ls -d "$output"/*-small/quals.json
exit "$failed"
