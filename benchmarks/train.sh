#!/usr/bin/env bash
# What the trainings of the successors of quals-small, qg-small, qa-small and factcc-small have in common.
#
#   benchmarks/train.sh PROCESSES TASK [arguments of `quals train TASK`]
set -euo pipefail
processes=$1
shift
run=(python)
if [ "$processes" != 1 ]; then
    run=(torchrun --nproc-per-node "$processes")
fi
export OMP_NUM_THREADS=1
# These first: the last of two options of a name counts.
task=$1
shift
exec "${run[@]}" -m quals train "$task" --batch 64 --learning-rate 8e-4 --warmup 50 --save-every 150 \
    --evaluate-every 300 "$@"
