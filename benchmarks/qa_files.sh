#!/usr/bin/env bash
# Print the question-answer files that the successors of the shipped models are trained on, one a line.
#
#   benchmarks/qa_files.sh DATA FOLDER [TASK]
#
# DATA holds train/*.jsonl.gz, rows {context, question, answer, answer_start}; these files are not published with the
# package. For a model of your own any data in SQuAD's format will do. What has to be made goes to FOLDER.
# The task `qa` has more than the others: long passages, and ones in which a name was put in the place of the right one,
# so that only who reads can answer. Their questions are not of the kind that a model should learn to write.
set -euo pipefail
data=$1 folder=$2 task=${3:-}
mkdir -p "$folder"

for name in squad_train_part_du_test squad_train_part_jucho squad_train_part_routerlens squad_sample_emptycityjk \
    squadshifts_new_wiki squadshifts_reddit; do
    echo "$data/train/$name.jsonl.gz"
done

# make NAME FILE: the lines of FILE that a Python program on standard input makes or keeps, once. Several trainings may
# ask for the same at once.
make() {
    local made="$folder/$1" partial="$folder/$1.$$.partial"
    if [ ! -f "$made" ]; then
        python - "$2" > "$partial"
        mv "$partial" "$made"
    fi
    echo "$made"
}

# QAMR has many pairs that no validator confirmed: keep those that at least one of two did.
make qamr_agreed.jsonl "$data/train/qamr_wiki.jsonl.gz" <<'PYTHON'
import gzip, json, sys
for line in gzip.open(sys.argv[1], "rt", encoding="utf-8"):
    if json.loads(line)["agree"] >= 1:
        sys.stdout.write(line)
PYTHON

if [ "$task" = qa ]; then
    echo "$data/train/quoref_sample.jsonl.gz"
    # These passages are written in tokens: "( 2015 ) , the".
    make nq_swap_written.jsonl "$data/train/nq_swap.jsonl.gz" <<'PYTHON'
import gzip, json, re, sys

RULES = [(r"`` ?| ?''", '"'), (r" (?=[,.;:!?%)\]])", ""), (r"(?<=[(\[$£€#]) ", ""), (r" (?='(?:s|re|ve|ll|d|m)\b)", ""),
         (r" (?=n't\b)", ""), (r" - ", "-"), (r"(?<=s) '(?= )", "'")]

def written(text):
    for pattern, new in RULES:
        text = re.sub(pattern, new, text)
    return text

for line in gzip.open(sys.argv[1], "rt", encoding="utf-8"):
    row = json.loads(line)
    context, answer = written(row["context"]), written(row["answer"])
    start = len(written(row["context"][: row["answer_start"]] + "x")) - 1
    if answer in context:
        if not context.startswith(answer, start):
            start = context.index(answer)
        row |= {"context": context, "question": written(row["question"]), "answer": answer, "answer_start": start}
        print(json.dumps(row))
PYTHON
fi
