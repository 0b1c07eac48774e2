#!/usr/bin/env bash
# All that wants a GPU, on one large one: new models, how good and how fast they are, and the CONSEQ experiment.
#
#   benchmarks/on_gpu.sh DATA JUDGED OUTPUT [PARTS...]
#
# DATA has qa/ and summarization/ as for train_all.sh, JUDGED files *.jsonl.gz as for agreement.py. PARTS are done one
# after the other, those joined by + side by side; without any: train+summarizers adopt speed figures+readings+conseq
#
#   train         successors of the models that are shipped, to OUTPUT/models
#   summarizers   the CONSEQ experiment up to its samples, which none of these models is needed for
#   adopt         the models in OUTPUT/models take the place of those in models/ of this checkout, cards apart
#   speed         QUALS, QAGS and their plain twins, and QUALS in several processes; nothing should run beside it
#   figures       of each model on held-out data
#   readings      QUALS, FactCC, PMI and QAGS on JUDGED, to the score cache in $QUALS_CACHE, where agreement.py, ensemble.py
#                 and calibration.py find them
#   conseq        the rest of the experiment
#
# Figures and tables go to OUTPUT/results, what is said to OUTPUT/logs. Given again, a command goes on where it stopped, by
# what stands in OUTPUT and in the cache folder ($QUALS_CACHE): where a machine is lent, keep both between calls.
set -uo pipefail
data=$1 judged=$2 output=$3
shift 3
[ $# -gt 0 ] || set -- train+summarizers adopt speed figures+readings+conseq
for part in ${*//+/ }; do
    case $part in train | summarizers | adopt | speed | figures | readings | conseq) ;; *)
        echo "no part '$part'" >&2
        exit 2
        ;;
    esac
done
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$output"/{models,results,logs}
export TOKENIZERS_PARALLELISM=true OMP_NUM_THREADS=2 HF_HUB_OFFLINE=1
# This checkout's package and models, whatever is installed; and the base model, before much is started that needs it.
export PYTHONPATH="$(dirname "$here")/src${PYTHONPATH:+:$PYTHONPATH}"
python -c "from quals.lm.store import base_model_folder as f; f()" || exit 1

# Processes that are at work at the same time share the GPU: what they are given, below, comes to less than 1. Trainings
# keep to no share but where they look at held-out data; theirs is what three of them side by side are reckoned with.
train() { QUALS_GPU_SHARE=.2 "$here/train_all.sh" "$data" "$output/models"; }

# conseq_run OPTIONS...: both data sets side by side
conseq_run() {
    local pids=() name failed=0
    for name in xsum cnndm; do
        python "$here/conseq/run.py" "$data/summarization" "$output/conseq" --full --only $name \
            --results "$output/results" "$@" > "$output/logs/conseq-$name.log" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return $failed
}
summarizers() { QUALS_GPU_SHARE=.08 conseq_run --jobs 2 --until cool; }
conseq() { QUALS_GPU_SHARE=.05 conseq_run --jobs 6; }

adopt() {
    local folder target
    for folder in "$output"/models/*-small; do
        [ -f "$folder/quals.json" ] || continue
        target="$here/../models/$(basename "$folder")"
        # One that is there already may have been calibrated since.
        ! cmp -s {"$folder","$target"}/adapter_model.safetensors || continue
        rm -f "$target/calibration.json" # of the scores of another model
        cp "$folder"/{quals.json,adapter_config.json,adapter_model.safetensors} "$target/"
    done
}

speed() {
    local rows="$output/speed.jsonl"
    zcat "$data/summarization/cnndm.jsonl.gz" | head -n 2000 > "$rows"
    python "$here/speed.py" "$rows" --rows 2000 --block 250 --plain-rows 2 --dtype bfloat16 \
        -o "$output/results/speed-gpu.json" &&
        python "$here/workers.py" "$rows" --rows 2000 --workers 3 --rounds 1 --dtype bfloat16 \
            -o "$output/results/workers-gpu.json"
}

figures() {
    local heldout="$data/qa/heldout/squad_v11_dev.jsonl.gz" results="$output/results" failed=0
    local -x QUALS_GPU_SHARE=.1
    python "$here/qagen.py" "$heldout" "$data/summarization/xsum.jsonl.gz" --contexts 120 \
        -o "$results/qagen-quals-small.json" || failed=1
    python "$here/qa.py" "$heldout" -o "$results/qa-small.json" || failed=1
    [ ! -f "$output/models/factcc-small/heldout.jsonl" ] ||
        python "$here/factcc.py" "$output/models/factcc-small/heldout.jsonl" --documents 40 \
            -o "$results/factcc-small.json" || failed=1
    return $failed
}

readings() {
    local metric failed=0
    for metric in quals factcc pmi qags; do
        QUALS_GPU_SHARE=.2 python -m quals agree "$judged"/*.jsonl.gz --metric $metric \
            -o "$output/results/read-$metric.md" > "$output/logs/read-$metric.log" 2>&1 || failed=1
    done
    return $failed
}

failed=0
for group in "$@"; do
    pids=()
    for part in ${group//+/ }; do
        {
            started=$SECONDS
            if "$part" > "$output/logs/$part.log" 2>&1; then said=done; else said="failed, see $output/logs/$part.log"; fi
            echo "$part: $said, $((SECONDS - started)) s"
            [ "$said" = done ]
        } &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
done
exit $failed
