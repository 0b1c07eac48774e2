#!/usr/bin/env bash
# Train all shipped models: quals-small, qg-small, qa-small and factcc-small.
#
#   benchmarks/train_all.sh DATA OUTPUT [PROCESSES] [more options of all `quals train` commands]
#
# DATA/qa is as for train_quals_small.sh, DATA/summarization as for train_factcc.sh.
# The models go to OUTPUT/quals-small and so on. A run that was stopped goes on when the command is repeated; a model
# that is finished is not trained again.
set -euo pipefail
data=$1 output=$2 processes=${3:-1}
shift $(($# < 3 ? $# : 3))
here=$(dirname "$0")
if python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    set -- --micro-batch 8 "$@"  # a GPU has room for a whole step at once
fi

[ -f "$output/quals-small/quals.json" ] ||
    "$here/train_quals_small.sh" "$data/qa" "$output/quals-small" "$processes" "$@"
"$here/train_qags.sh" "$data/qa" "$output" "$processes" "$@"
[ -f "$output/factcc-small/quals.json" ] ||
    "$here/train_factcc.sh" "$data/summarization" "$output/factcc-small" "$processes" --model "$output/qa-small" "$@"
echo "Trained: $output/{quals,qg,qa,factcc}-small"
