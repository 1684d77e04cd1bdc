"""How far an additive map lies inside the simulator's evidence, and what raises it.

    python benchmarks/guided_localisation.py [EPOCHS]

Trains on 1,200 simulated records (seed 1), and judges on 500 that no training saw (seed 20,000):
macro AUROC, and the share of the positive attribution inside the evidence, over labels, on records
that carry the label and are found (probability of one half), with a random map beside it. Three
networks of 22,919 weights:

- signal_cam as it is: the last feature step is 80 ms, the field of view about a second;
- signal_cam with its third pooling replaced by dilation: a step of 40 ms, the same field of view;
- each of the two with guidance: to the loss is added, for labels that a record carries, the
  positive attribution outside the evidence, times 0.1 ("right for the right reasons", Ross et al.
  2017, doi 10.24963/ijcai.2017/371). Its weight was chosen from 0.1 and 1 on 300 other records.

Guidance uses the evidence of the training records: what it reaches is not what a network finds by
itself, and needs data with evidence, which recorded data sets seldom have.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from ecglens.conditioning import condition
from ecglens.explain import faithfulness as measure
from ecglens.explain.faithfulness_cases import simulated_cases
from ecglens.labels import get_task
from ecglens.models.additive import AdditiveHead
from ecglens.record import LEADS

TASK = get_task("rhythm_conduction")
SAMPLES, RATE, BATCH, LEARNING_RATE = 1000, 100, 64, 5e-3
GUIDANCE = 0.1
NETWORKS = {  # filters, kernel, pooled, dilation of each stage
    "80 ms steps": ((16, 11, 1, 1), (16, 7, 1, 1), (32, 7, 1, 1), (64, 7, 0, 1)),
    "40 ms steps": ((16, 11, 1, 1), (16, 7, 1, 1), (32, 7, 0, 1), (64, 7, 0, 2)),
}


def data(records: int, seed: int):
    """Return signals, truth (records, labels) and evidence over time (records, samples, labels)."""
    cases = simulated_cases(
        TASK.labels, records, samples=SAMPLES, sampling_frequency=RATE, seed=seed
    )
    truth = np.zeros((records, len(TASK.labels)), np.float32)
    shown = np.zeros((records, SAMPLES, len(TASK.labels)), np.float32)
    for item in cases.cases:
        column = TASK.labels.index(item.label)
        truth[item.rows, column] = 1
        shown[item.rows, :, column] = item.evidence.any(axis=2)
    return cases.signals, truth, shown


def network(stages) -> keras.Model:
    inputs = keras.Input((SAMPLES, len(LEADS)))
    x = condition(inputs, detrend_degree=10, scaling="none")
    for filters, kernel, pooled, dilation in stages:
        x = keras.layers.Conv1D(filters, kernel, padding="same", dilation_rate=dilation)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.LeakyReLU(0.1)(x)
        if pooled:
            x = keras.layers.MaxPooling1D(2, padding="same")(x)
    return keras.Model(inputs, AdditiveHead(len(TASK.labels), SAMPLES)(x))


def train(model, signals, truth, shown, guidance: float, epochs: int) -> None:
    steps = len(signals) // BATCH
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * steps)
    )

    @tf.function
    def step(x, wanted, inside):
        with tf.GradientTape() as tape:
            given = model(x, training=True)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, given["logit"]))
            positive = tf.nn.relu(given["attribution"][:, :, 0]) * wanted[:, None]
            loss += guidance * tf.reduce_mean(tf.reduce_sum(positive * (1 - inside), (1, 2)))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for rows in np.split(rng.permutation(len(signals))[: steps * BATCH], steps):
            step(signals[rows], truth[rows], shown[rows])


def report(name: str, model, signals, truth, shown) -> None:
    found = model.predict(signals, verbose=0, batch_size=100)
    noise = np.random.default_rng(0).normal(size=(len(signals), SAMPLES, 1))
    rows = []
    for column, label in enumerate(TASK.labels):
        own = (truth[:, column] > 0) & (found["probability"][:, column] >= 0.5)
        evidence = np.repeat(shown[own, :, column, None] > 0, len(LEADS), axis=2)
        if not own.any():
            rows.append((label, 0, np.nan, np.nan, np.nan))
            continue
        values = found["attribution"][own, :, :, column]
        rows.append((
            label, int(own.sum()), measure.localisation(values, evidence).mean(),
            measure.localisation(noise[own], evidence).mean(),
            measure.pointing_game(values, evidence).mean(),
        ))  # fmt: skip
    auroc = roc_auc_score(truth, found["probability"], average="macro")
    means = np.nanmean([row[2:] for row in rows], axis=0)
    print(f"\n{name}: macro AUROC {auroc:.4f}")
    print(f"{'label':<8}{'records':>8}{'localisation':>14}{'random':>9}{'pointing':>10}")
    for label, count, *values in [*rows, ("mean", sum(row[1] for row in rows), *means)]:
        print(f"{label:<8}{count:>8}{values[0]:>14.3f}{values[1]:>9.3f}{values[2]:>10.3f}")
    sys.stdout.flush()


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    training, other = data(1200, seed=1), data(500, seed=20_000)
    for guidance in (0.0, GUIDANCE):
        for name, stages in NETWORKS.items():
            keras.utils.set_random_seed(1)
            model = network(stages)
            train(model, *training, guidance, epochs)
            report(f"{name}, {'guided' if guidance else 'not guided'}", model, *other)


main()
