#!/usr/bin/env bash
# Our additive model on the six tasks of the PTB-XL benchmark at once; opens fold 10:
# [KEEP=FOLDER] bash benchmarks/own_model.sh PTB-XL-FOLDER SEED [PART...]
#   crops  the mean of three networks trained on 2.5 s of a record at a time
#   whole  one network trained on whole records, for rhythms, which take longer than that
#   recurrent  one smaller network with a recurrent layer, trained on 5 s at a time
#   attention  one network that weighs the moments by attention, trained on 5 s at a time
#   attention_crops  one more, trained on 2.5 s at a time
#   mean   of these five; needs the KEEP that the other three were run with
#   leads  one network of the variant that keeps the leads apart, on crops
# Without a part: the first four. `recurrent` is only trained, so that it does not open fold 10.
set -euo pipefail
here=$(dirname "$0") source=$1 seed=$2
if [ -z "${KEEP:-}" ]; then
  KEEP=$(mktemp -d)
  trap 'rm -rf "$KEEP"' EXIT
fi
mkdir -p "$KEEP"
KEEP=$(realpath "$KEEP")  # joined parts are named by it
fit=(batch_size=128 learning_rate=0.004 schedule=one_cycle warmup=0.25 patience=40 optimizer=adamw
  weight_decay=0.02 gradient_clip=1.0 ema=0.999
  augment.preset=own augment.scale.p=1.0 augment.lead_gain.p=1.0 augment.noise.size=0.03
  augment.lead_dropout.p=1.0 augment.lead_dropout.size=0.05 augment.time_shift.p=0.0
  augment.time_warp.p=0.0 augment.respiration.p=0.0 augment.mains.p=0.0)

part() {  # NAME MODEL [train parameters]
  local name=$1 model=$2 until='' settings=(-S "model.$2.dropout=0.2")
  shift 2
  for one in "${fit[@]}" "$@"; do settings+=(-S "train.$one"); done
  case $name in whole | recurrent | attention) settings+=(-S "model.$model.detrend_degree=0") ;; esac
  case $name in attention*) settings+=(-S "model.$model.pooling=attention") ;; esac
  case $name in recurrent | attention*) until=train ;; esac
  if [ "$name" = recurrent ]; then
    settings+=(-S "model.$model.filters=[24,24,48,96]" -S "model.$model.blocks=1"
      -S "model.$model.recurrent=48")
  fi
  MODEL=$model NAME="own_model/$name/seed_$seed" KEEP="$KEEP/$name" UNTIL=$until \
    bash "$here/ptbxl_task.sh" "$source" ptb_xl "${settings[@]}"
}

# Networks of 11 to 15 are seed 1, of 21 to 25 seed 2: no two seeds share one.
for one in "${@:3}" $([ $# -gt 2 ] || echo crops whole recurrent mean); do
  case $one in
    crops) part crops additive_resnet epochs=40 crop_seconds=2.5 ensemble=3 "seed=${seed}1" ;;
    whole) part whole additive_resnet epochs=20 mixup=0.2 "seed=${seed}4" ;;
    recurrent) part recurrent additive_resnet epochs=24 crop_seconds=5.0 "seed=${seed}5" ;;
    attention) part attention additive_resnet epochs=20 crop_seconds=5.0 "seed=${seed}6" ;;
    attention_crops) part attention_crops additive_resnet epochs=24 crop_seconds=2.5 "seed=${seed}7" ;;
    leads) part leads additive_leads epochs=40 crop_seconds=2.5 "seed=${seed}1" ;;
    mean)
      joined=$(printf "$KEEP/%s/additive_resnet/trained," crops whole recurrent)
      part mean additive_resnet epochs=1 ensemble=0 "join=[${joined%,}]"
      sed -i "s#$KEEP/##g" "$here/results/own_model/mean/seed_$seed/run.json"  # a place of no meaning
      ;;
    *)
      sed -n '2,9s/^# //p' "$0" >&2
      exit 2
      ;;
  esac
done
