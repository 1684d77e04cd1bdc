#!/usr/bin/env bash
# Our additive model, the mean of three networks, on the six tasks of the PTB-XL benchmark at once;
# opens fold 10: bash benchmarks/own_model.sh PTB-XL-FOLDER SEED [-S dvc parameters]
# MODEL=additive_leads trains the variant that keeps the leads apart the same way.
set -euo pipefail
fit=(epochs=40 batch_size=128 learning_rate=0.004 schedule=one_cycle warmup=0.25 patience=40
  optimizer=adamw weight_decay=0.02 gradient_clip=1.0 ema=0.999 crop_seconds=2.5 ensemble=3
  augment.preset=own augment.scale.p=1.0 augment.lead_gain.p=1.0 augment.noise.size=0.03
  augment.lead_dropout.p=1.0 augment.lead_dropout.size=0.05 augment.time_shift.p=0.0
  augment.time_warp.p=0.0 augment.respiration.p=0.0 augment.mains.p=0.0)
model=${MODEL:-additive_resnet}
results=own_model
[ "$model" = additive_resnet ] || results=own_model_$model
# Networks of 11, 12, 13 are seed 1, of 21, 22, 23 seed 2: no two seeds share one.
settings=(-S "train.seed=$((10 * $2 + 1))" -S "model.$model.dropout=0.2")
for one in "${fit[@]}"; do settings+=(-S "train.$one"); done
MODEL=$model NAME="$results/seed_$2" \
  bash "$(dirname "$0")/ptbxl_task.sh" "$1" ptb_xl "${settings[@]}" "${@:3}"
