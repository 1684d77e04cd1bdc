#!/usr/bin/env bash
# What guidance by the simulator's evidence (train.guidance, weight .1) does to additive maps:
# bash benchmarks/guided_localisation.sh
# Trains four models through the project's own stages on the default, simulated data, in a fresh
# clone, and judges them by localisation.py. A guided map says where training told it to look; what
# it reaches is not what a network finds by itself, and needs data with evidence.
source "$(dirname "$0")/lib.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fresh_clone "$folder/clone"
for model in signal_cam additive_resnet; do
  for guidance in 0 0.1; do
    dvc exp run -S "models=[$model]" -S "train.guidance=$guidance" -S model.additive_resnet.fine=1 \
      "train@rhythm_conduction-$model" > log.txt 2>&1 || { tail -n 20 log.txt; exit 1; }
    echo "== $model, train.guidance=$guidance"
    python benchmarks/localisation.py "models/rhythm_conduction/$model/trained/model.keras" 2> /dev/null
  done
done | tee "$root/benchmarks/results/guided_localisation.txt"
