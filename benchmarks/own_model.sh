#!/usr/bin/env bash
# Our additive model on the six tasks of the PTB-XL benchmark at once; opens fold 10:
# [KEEP=FOLDER] bash benchmarks/own_model.sh PTB-XL-FOLDER SEED [PART...]
#   crops            a network trained on 2.5 s of a record at a time
#   whole            one trained on whole records, for rhythms, which take longer than that
#   attention        one that weighs the moments by attention, trained on 5 s at a time
#   attention_crops  one more, trained on 2.5 s at a time
#   mean             of these four; as each mean, it needs the KEEP that they were run with
#   beside           one with attention, on 5 s, that learns the form task a second time, among that task's
#                    records alone (train.beside)
#   beside_inception one of inception modules (additive_inception), on 2.5 s, that learns it beside too
#   mean_rare        of whole, attention_crops, beside and beside_inception, rare labels by a discriminant (train.rare)
#   attention_rare   attention_crops, rare labels by a discriminant
#   form_xresnet     two deep ones (additive_xresnet), on 2.5 s, for the form task alone
#   form_deep        the mean of form_xresnet's two, attention_rare and beside, for the form task
#   beside_crops     one with attention, on 2.5 s, that learns form beside
#   form_attention   one with attention for the form task alone
#   form             what was put forward before form_deep: the mean of beside, beside_crops, form_attention and attention_rare
#   form_inception   the same with beside_inception for beside_crops
#   leads            one network of the variant that keeps the leads apart, on crops
# Without a part: the first eleven. Networks of a mean are only trained: the mean opens fold 10.
set -euo pipefail
here=$(dirname "$0") source=$1 seed=$2
if [ -z "${KEEP:-}" ]; then
  KEEP=$(mktemp -d)
  trap 'rm -rf "$KEEP"' EXIT
fi
mkdir -p "$KEEP"
KEEP=$(realpath "$KEEP")  # joined parts are named by it
export CACHE="$KEEP/cache"
all=(batch_size=128 schedule=one_cycle patience=40 optimizer=adamw augment.preset=own augment.scale.p=1.0
  augment.lead_gain.p=1.0 augment.noise.size=0.03 augment.lead_dropout.p=1.0 augment.lead_dropout.size=0.05
  augment.time_shift.p=0.0 augment.time_warp.p=0.0 augment.respiration.p=0.0 augment.mains.p=0.0)
averaged=(learning_rate=0.004 warmup=0.25 weight_decay=0.02 gradient_clip=1.0 ema=0.999)
# As the PTB-XL benchmark's networks are trained: by what fastai calls fit_one_cycle.
cycled=(learning_rate=0.01 warmup=0.3 weight_decay=0.01 decayed=all momentum=cycle beta_2=0.99)

part() {  # NAME MODEL [train parameters]
  local name=$1 model=$2 task=ptb_xl until=train settings=(-S "model.$2.dropout=0.2")
  shift 2
  local fit=("${averaged[@]}")
  [ "$model" != additive_xresnet ] || fit=("${cycled[@]}")
  for one in "${all[@]}" "${fit[@]}" "$@"; do settings+=(-S "train.$one"); done
  case $name in whole | attention | beside* | form*) settings+=(-S "model.$model.detrend_degree=0") ;; esac
  case $name/$model in *attention*/* | beside*/additive_resnet) settings+=(-S "model.$model.pooling=attention") ;; esac
  case $name in beside*) settings+=(-S train.beside=form) ;; esac
  case $name in form*) task=form ;; esac
  case $name in mean* | form | form_deep | form_inception | leads) until='' ;; esac
  MODEL=$model NAME="own_model/$name/seed_$seed" KEEP="$KEEP/$name" UNTIL=$until \
    bash "$here/ptbxl_task.sh" "$source" "$task" "${settings[@]}"
}

mean() {  # NAME RARE PART/MODEL/trained...: of networks that were kept
  local joined
  joined=$(printf "$KEEP/%s," "${@:3}")
  part "$1" additive_resnet epochs=1 ensemble=0 "rare=$2" "join=[${joined%,}]"
  sed -i "s#$KEEP/##g" "$here/results/own_model/$1/seed_$seed/run.json"  # a place of no meaning
}

resnet=additive_resnet/trained deep=additive_xresnet/trained inception=beside_inception/additive_inception/trained
# Seeds 11 to 19 are of the first, 21 to 29 of the second: no two share a network.
parts=(crops whole attention attention_crops mean beside beside_inception mean_rare)
parts+=(attention_rare form_xresnet form_deep)
[ $# -lt 3 ] || parts=("${@:3}")
for one in "${parts[@]}"; do
  case $one in
    crops) part crops additive_resnet epochs=40 crop_seconds=2.5 "seed=${seed}1" ;;
    whole) part whole additive_resnet epochs=20 mixup=0.2 "seed=${seed}4" ;;
    attention) part attention additive_resnet epochs=20 crop_seconds=5.0 "seed=${seed}6" ;;
    attention_crops) part attention_crops additive_resnet epochs=24 crop_seconds=2.5 "seed=${seed}7" ;;
    mean) mean mean 0 {crops,whole,attention,attention_crops}/$resnet ;;
    beside) part beside additive_resnet epochs=20 crop_seconds=5.0 "seed=${seed}6" ;;
    beside_crops) part beside_crops additive_resnet epochs=24 crop_seconds=2.5 "seed=${seed}7" ;;
    beside_inception) part beside_inception additive_inception epochs=20 crop_seconds=2.5 "seed=${seed}3" ;;
    form_attention) part form_attention additive_resnet epochs=20 crop_seconds=5.0 "seed=${seed}2" ;;
    form_xresnet)
      part form_xresnet additive_xresnet epochs=50 crop_seconds=2.5 augment.preset=none ensemble=2 "seed=${seed}8"
      ;;
    mean_rare) mean mean_rare 60 {whole,attention_crops,beside}/$resnet $inception ;;
    attention_rare) mean attention_rare 60 attention_crops/$resnet ;;
    form_deep)
      mean form_deep 0 attention_rare/$resnet beside/$resnet/beside form_xresnet/$deep
      ;;
    form) mean form 0 {beside,beside_crops}/$resnet/beside {form_attention,attention_rare}/$resnet ;;
    form_inception)
      mean form_inception 0 beside/$resnet/beside $inception/beside {form_attention,attention_rare}/$resnet
      ;;
    leads) part leads additive_leads epochs=40 crop_seconds=2.5 "seed=${seed}1" ;;
    *)
      sed -n '2,21s/^# //p' "$0" >&2
      exit 2
      ;;
  esac
done
