#!/usr/bin/env bash
# The default pipeline in a fresh clone, and the repeat, after set-up: bash benchmarks/repro.sh [RUNS]
source "$(dirname "$0")/lib.sh"
for _ in $(seq "${1:-3}"); do
  folder=$(mktemp -d)
  (
    fresh_clone "$folder/clone"
    timed repro dvc repro
    timed repeat dvc repro
  )
  rm -rf "$folder"
done
