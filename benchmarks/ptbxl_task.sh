#!/usr/bin/env bash
# One task on PTB-XL at 100 Hz, from training to the gate, in a fresh clone. Keeps the small results
# in benchmarks/results/NAME, by default of the task's name:
# [MODEL=signal_cam] [NAME=...] bash benchmarks/ptbxl_task.sh PTB-XL-FOLDER TASK [-S dvc parameters]
# UNTIL=train stops before fold 10 is opened. KEEP=FOLDER keeps the trained model there, the signals that it
# learnt from, and reports/TASK/MODEL/evaluation/thresholds.json. CACHE=FOLDER is DVC's cache there, so that
# runs that name one prepare PTB-XL once.
source "$(dirname "$0")/lib.sh"
source=$(realpath "$1")
task=$2
model=${MODEL:-signal_cam}
shift 2
if [ -n "${KEEP:-}" ]; then  # what follows works in a folder of its own
  mkdir -p "$KEEP"
  KEEP=$(realpath "$KEEP")
fi
results="$root/benchmarks/results/${NAME:-$task}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fresh_clone "$folder/clone"
[ -z "${CACHE:-}" ] || dvc config --local cache.dir "$CACHE"
data=(-S dataset=ptb-xl -S "ptb-xl.folder=$source" -S "tasks=[$task]" -S "models=[$model]")
timed fetch-label-prepare dvc exp run "${data[@]}" "$@" prepare
timed train dvc repro "train@$task-$model"
mkdir -p "$results"
if [ "${UNTIL:-}" != train ]; then
  # Not the stages explain and benchmark, which have benchmarks of their own.
  timed evaluate-export-promote dvc repro "promote@$task-$model"
  cp "reports/$task/$model"/{evaluation/metrics.json,parity.json,promotion.json} "$results"
fi
cp "models/$task/$model/trained"/{history.csv,run.json} "$results"
{
  date -u +"%Y-%m-%d %H:%M UTC, $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2)"
  cat timings.txt
  grep -o '"parameters": [0-9]*' "reports/$task/$model/training.json" | tr -d '"'
  [ ! -f evaluate-export-promote.log ] || grep -E 'test macro|promoted|kept' evaluate-export-promote.log
} | tee "$results/log.txt"
if [ -n "${KEEP:-}" ]; then
  cp -r "models/$task/$model" data/ptb-xl/signals "$KEEP"
  thresholds=reports/$task/$model/evaluation/thresholds.json
  [ ! -f "$thresholds" ] || cp "$thresholds" "$KEEP/$model"
fi
