#!/usr/bin/env bash
# Train successors of the two models of QAGS, qg-small and qa-small; how the shipped ones were made,
# models/qg-small/README.md and models/qa-small/README.md tell.
#
#   benchmarks/train_qags.sh DATA OUTPUT [PROCESSES] [more options of `quals train qg` and `quals train qa`]
#
# DATA as for train_quals_small.sh; the models go to OUTPUT/qg-small and OUTPUT/qa-small. A run that was stopped goes
# on when the command is repeated; a model that is finished is not trained again.
# TASKS: "qg", "qa" or both; QG_STEPS, QA_STEPS: how many steps of 64 contexts.
set -euo pipefail
data=$1 output=$2 processes=${3:-1} tasks=${TASKS:-qg qa} qg_steps=${QG_STEPS:-300} qa_steps=${QA_STEPS:-600}
shift $(($# < 3 ? $# : 3))
here=$(dirname "$0")

# train TASK OPTIONS...
train() {
    local task=$1 model="$output/$1-small" files
    shift
    [ ! -f "$model/quals.json" ] || { echo "$model is finished"; return; }
    files=$("$here/qa_files.sh" "$data" "$model" "$task")
    mapfile -t files <<< "$files"
    "$here/train.sh" "$processes" "$task" "${files[@]}" --valid "$data/heldout/squad_v11_dev.jsonl.gz" \
        --lora-rank 8 --output "$model" "$@"
}

for task in $tasks; do
    case $task in
        qg) train qg --contexts $((64 * qg_steps)) --crop 0.6 --joined 0.1 --lowercase 0.12 "$@" ;;
        # Questions are answered from documents, which are longer than summaries: fewer windows.
        qa) train qa --contexts $((64 * qa_steps)) --max-pairs 8 --crop 0.25 --joined 0.5 --lowercase 0.12 "$@" ;;
    esac
done
