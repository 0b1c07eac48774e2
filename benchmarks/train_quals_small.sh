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
mkdir -p "$output"

# QAMR has many pairs that no validator confirmed: keep those that at least one of two did.
qamr="$output/qamr_agreed.jsonl"
[ -f "$qamr" ] || python - "$data/train/qamr_wiki.jsonl.gz" > "$qamr" <<'PYTHON'
import gzip, json, sys
for line in gzip.open(sys.argv[1], "rt", encoding="utf-8"):
    if json.loads(line)["agree"] >= 1:
        sys.stdout.write(line)
PYTHON

files=()
for name in squad_train_part_du_test squad_train_part_jucho squad_train_part_routerlens squad_sample_emptycityjk \
    squadshifts_new_wiki; do
    files+=("$data/train/$name.jsonl.gz")
done

export OMP_NUM_THREADS=1
torchrun --nproc-per-node "$processes" -m quals.cli.main train qagen \
    "${files[@]}" "$qamr" \
    --valid "$data/heldout/squad_v11_dev.jsonl.gz" --contexts 10400 --output "$output" "$@"
