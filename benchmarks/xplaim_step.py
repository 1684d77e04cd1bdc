"""ECG-XPLAIM's training step here against a plain Keras fit of the same graph, in one run.

    python benchmarks/xplaim_step.py [BATCH] [ROUNDS] [SAMPLES]

Both get the same weights, batch, optimiser and loss, and take steps in turn, each alone in its
function of TensorFlow, with and without XLA. First the largest difference of what both answer and
of their gradients, then medians with the 10th and 90th percentile: seconds a step by the clock, and
of the processor, which says the same on a machine that other work shares.

This project's training compiles this step with XLA; a plain fit leaves it out on a machine without
a GPU. So "here, XLA / plain" is what a user gains there, the other two tell where it comes from.
Also thought of: one kernel of 40 for all three, padded with zeros, takes 2.3 times the
multiplications of the three (120 taps for 52), so it was not run.
"""

import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ecglens.models import build_model
from ecglens.models.parallel import ParallelConvolutions

FILTERS, KERNELS = (16, 32, 128), (2, 10, 40)


def main() -> None:
    given = [int(value) for value in sys.argv[1:]]
    batch, rounds, samples = given + [16, 7, 5000][len(given) :]
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(0, 0.5, (batch, samples, 12)).astype(np.float32)
    truth = (np.arange(batch) % 2).astype(np.float32)[:, None]
    ours, theirs = build_model("ecg_xplaim", samples=samples, labels=1), plain(samples)
    logit = keras.Model(ours.input, ours.output["logit"])
    copy_weights(ours, theirs)
    compare(logit, theirs, x, truth)
    steps = {
        "plain": step(theirs, jit=False),
        "here": step(logit, jit=False),
        "plain, XLA": step(plain(samples), jit=True),
        "here, XLA": step(keras.models.clone_model(logit), jit=True),
    }
    taken = measure(steps, x, truth, rounds)
    for name, values in taken.items():
        show(name, values, "s")
    pairs = (("here, XLA", "plain"), ("here", "plain"), ("here, XLA", "plain, XLA"))
    for name, other in pairs:
        show(f"{name} / {other}", taken[name] / taken[other], "")


def plain(samples: int) -> keras.Model:
    """The published graph of plain Keras layers, its last activation left to the loss."""
    x = inputs = layers.Input((samples, 12))
    for width in FILTERS:
        past = layers.Conv1D(width * len(KERNELS), 1, use_bias=False)(x)
        past = layers.BatchNormalization()(past)
        for _ in range(2):
            parts = [
                layers.Conv1D(width, k, padding="same", activation="relu", use_bias=False)(x)
                for k in KERNELS
            ]
            x = layers.BatchNormalization()(layers.Concatenate()(parts))
            x = layers.Activation("relu")(x)
        x = layers.Activation("relu")(layers.Add()([past, x]))
        x = layers.MaxPooling1D(2, padding="same")(x)
    return keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))


def copy_weights(ours: keras.Model, theirs: keras.Model) -> None:
    """Give the plain graph our weights; both list a block's in the order in which it makes them."""
    convolutions = [w for w in theirs.trainable_weights if w.path.endswith("kernel")]
    own = [w for layer in ours.layers for w in layer.trainable_weights if "kernel" in w.path]
    by_shape = {}
    for weight in own:
        by_shape.setdefault(tuple(weight.shape), []).append(weight)
    for weight in convolutions:
        weight.assign(by_shape[tuple(weight.shape)].pop(0))


def compare(ours, theirs, x, truth) -> None:
    """Print how far the two are from each other in training, before any step."""
    few, labels = tf.constant(x[:4]), tf.constant(truth[:4])
    answers, slopes = [], []
    for model in (ours, theirs):
        with tf.GradientTape() as tape:
            logit = model(few, training=True)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logit))
        answers.append(logit.numpy())
        weights = [w for w in model.trainable_weights if "kernel" in w.path]
        gradient = tape.gradient(loss, [w.value for w in weights])
        slopes.append(np.sort([np.linalg.norm(g) for g in gradient]))
    print(f"largest difference in logit: {np.abs(answers[0] - answers[1]).max():.2g}")
    worst = np.abs(slopes[0] / slopes[1] - 1).max()
    print(f"largest relative difference in a gradient's size: {worst:.2g}")
    blocks = [layer.by_blocks for layer in ours.layers if isinstance(layer, ParallelConvolutions)]
    print(f"stages done in the frequency domain: {blocks}")


def step(model: keras.Model, *, jit: bool):
    """Return a function that takes one training step as `fit` does."""
    model.compile(
        keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=jit,
    )  # fmt: skip
    return model.train_on_batch


def measure(steps: dict, x, truth, rounds: int) -> dict[str, np.ndarray]:
    """Return seconds by the clock and of the processor, (2, rounds) for each, steps in turn."""
    taken = {name: np.empty((2, rounds)) for name in steps}
    for take in steps.values():
        take(x, truth)
    for number in range(rounds):
        for name, take in steps.items():
            start = time.perf_counter(), time.process_time()
            take(x, truth)
            taken[name][:, number] = time.perf_counter() - start[0], time.process_time() - start[1]
    return taken


def show(name: str, values: np.ndarray, unit: str) -> None:
    for kind, row in zip(("clock", "processor"), values, strict=True):
        low, middle, high = np.percentile(row, (10, 50, 90))
        print(
            f"{name:<22} {kind:<10} {middle:7.3f} {unit:<2} ({low:.3f} to {high:.3f})", flush=True
        )


if __name__ == "__main__":
    main()
