#!/usr/bin/env bash
# Write the articles at the end of news files, which no training may read, to FOLDER/heldout.jsonl, once.
#
#   benchmarks/held_out.sh FOLDER FILES...
set -euo pipefail
folder=$1 heldout=$1/heldout.jsonl
shift
mkdir -p "$folder"
if [ ! -f "$heldout" ]; then
    for file in "$@"; do zcat "$file" | tail -n 250; done > "$heldout.$$.partial"
    mv "$heldout.$$.partial" "$heldout"
fi
