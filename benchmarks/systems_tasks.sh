#!/usr/bin/env bash
# One of the three systems on a task of its own, trained as its authors trained it, on PTB-XL at
# 100 Hz; opens fold 10:
# [MODEL=...] [SEED=1] bash benchmarks/systems_tasks.sh PTB-XL-FOLDER TASK [-S dvc parameters]
#   tachy cd lqt wpw pace             ECG-XPLAIM, or its baselines: MODEL=cnn, gru or resnet
#   abnormal                          Signal-CAM
#   norm_mi norm_sttc norm_cd norm_hyp  ECG-IMN, or MODEL=ecg_imn_categorical, ecg_imn_direct, cnn2d_gradcam
#   form                              xresnet1d101 of the PTB-XL benchmark, or MODEL=inception1d
# Augmentation, loss, optimiser, learning rate, schedule and batch are theirs, and ECG-XPLAIM's balanced
# draw of N records a label and N of none. What two cores do in 40 minutes is ours: how many are
# drawn, of ECG-IMN too, and 12 epochs (20 for WPW, 30 for PACE); the benchmark's networks have their
# 50, half an hour to an hour. Batch normalisation of TACHY, LQT, WPW and Signal-CAM is found anew on
# unchanged records, without the lag that so few steps leave. Rare labels are drawn whole; a drawn fold
# 10 is small.
set -euo pipefail
task=$2
declare -A draws
case $task in
  tachy | cd | lqt | wpw | pace)
    published=ecg_xplaim
    fit=(optimizer=adam learning_rate=0.01 schedule=step decay=0.95 decay_epochs=1 batch_size=64
      epochs=12 patience=12)
    draws=([tachy]="afib: 1500, tachsr: 820, neg: 10000" [lqt]="lqt: 114, neg: 5000"
      [cd]="rbbb: 300, lbbb: 300, lafb: 300, neg: 600" [wpw]="wpw: 74, neg: 5000" [pace]="pace: 284, neg: 1000")
    case $task in
      tachy | lqt) fit+=(statistics=renewed) ;;
      wpw) fit+=(statistics=renewed epochs=20 patience=20) ;;
      pace) fit+=(epochs=30 patience=30) ;;  # 12 are 190 steps
    esac
    ;;
  abnormal)
    published=signal_cam
    fit=(optimizer=adam learning_rate=0.0005 schedule=plateau decay=0.5 decay_epochs=9
      batch_size=128 epochs=25 patience=25 best_by=accuracy statistics=renewed
      augment.preset=signal_cam)
    ;;
  norm_mi | norm_sttc | norm_cd | norm_hyp)
    published=ecg_imn
    fit=(optimizer=adamw learning_rate=0.001 weight_decay=0.0001 schedule=cosine batch_size=64
      epochs=12 patience=12 loss=weighted_bce)
    declare -A labels=([norm_mi]=MI [norm_sttc]=STTC [norm_cd]=CD [norm_hyp]=HYP)
    draws=([$task]="${labels[$task]}: 700, neg: 700")
    ;;
  form)
    published=xresnet1d101
    fit=(optimizer=adamw learning_rate=0.01 weight_decay=0.01 decayed=all schedule=one_cycle
      momentum=cycle beta_2=0.99 batch_size=128 epochs=50 patience=50 crop_seconds=2.5)
    ;;
  *)
    sed -n '2,14s/^# //p' "$0" >&2
    exit 2
    ;;
esac
settings=()
for one in "${fit[@]}"; do settings+=(-S "train.$one"); done
[ -z "${draws[$task]:-}" ] || settings+=(-S "+labels.draws.$task={${draws[$task]}}")
[ "$task" != abnormal ] || settings+=(-S model.signal_cam.scaling=lead -S evaluate.threshold=accuracy)
model=${MODEL:-$published} name=$task
[ "$model" = "$published" ] || name=${task}_$model
[ "${SEED:-1}" = 1 ] || { name=${name}_seed_$SEED; settings+=(-S "train.seed=$SEED"); }
MODEL=$model NAME="systems/$name" \
  bash "$(dirname "$0")/ptbxl_task.sh" "$1" "$task" "${settings[@]}" "${@:3}"
