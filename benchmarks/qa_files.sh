#!/usr/bin/env bash
# Print the question-answer files that the shipped models are trained on, one a line.
#
#   benchmarks/qa_files.sh DATA FOLDER
#
# DATA holds train/*.jsonl.gz, rows {context, question, answer, answer_start}. What has to be made goes to FOLDER.
set -euo pipefail
data=$1 folder=$2
mkdir -p "$folder"

for name in squad_train_part_du_test squad_train_part_jucho squad_train_part_routerlens squad_sample_emptycityjk \
    squadshifts_new_wiki; do
    echo "$data/train/$name.jsonl.gz"
done

# QAMR has many pairs that no validator confirmed: keep those that at least one of two did.
qamr="$folder/qamr_agreed.jsonl"
if [ ! -f "$qamr" ]; then
    python - "$data/train/qamr_wiki.jsonl.gz" > "$qamr.partial" <<'PYTHON'
import gzip, json, sys
for line in gzip.open(sys.argv[1], "rt", encoding="utf-8"):
    if json.loads(line)["agree"] >= 1:
        sys.stdout.write(line)
PYTHON
    mv "$qamr.partial" "$qamr"
fi
echo "$qamr"
