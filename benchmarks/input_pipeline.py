"""A training step fed by the input pipeline against one on a batch that stays; one run.

    python benchmarks/input_pipeline.py SIGNALS_FOLDER [MODEL ...]

For example data/ptb-xl/signals. Both are Keras' own ``fit`` loop of the compiled step, in turns of
whole epochs; prints medians with the 10th and 90th percentile. Processor time says
the same where other programs take turns on the machine. Then both with crops of 2.5 s, and how long
the first step of an epoch takes beside the others.
"""

import sys
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ecglens.models import build_model
from ecglens.params import load_params
from ecglens.splits import Split
from ecglens.store import Store, open_store
from ecglens.train_params import TrainParams
from ecglens.training.data import training_batches
from ecglens.training.fit import compiled_trainee, make_reproducible

BATCH, STEPS, ROUNDS, LABELS = 64, 15, 7, 5


def main() -> None:
    store, models = open_store(Path(sys.argv[1])), sys.argv[2:] or ["signal_cam"]
    rng = np.random.default_rng(1)
    rows = np.arange(len(store.record_ids))
    truth = rng.integers(0, 2, (len(rows), LABELS)).astype(np.float32)
    train = Split("train", rows, store.record_ids, truth)
    for model in models:
        for crop in (None, round(2.5 * store.sampling_frequency)):
            measure(store, train, model, crop)


def measure(store: Store, train: Split, name: str, crop: int | None) -> None:
    """Print the ratio for a model and a crop (samples)."""
    make_reproducible(1)
    options = asdict(getattr(load_params().model, name))
    network = build_model(name, samples=crop or store.samples, labels=LABELS, **options)
    params = TrainParams(
        epochs=1, batch_size=BATCH, learning_rate=1e-4, schedule="constant", patience=1, seed=1
    )
    trainee = compiled_trainee(network, store, train, params, STEPS)
    moving = training_batches(store, train, BATCH, seed=1, crop=crop)
    fixed = tf.data.Dataset.from_tensors(next(iter(moving))).repeat().prefetch(1)
    clock = Clock()
    taken = {"input pipeline": [], "fixed batch": []}
    work = {kind: [] for kind in taken}
    for round_ in range(ROUNDS + 1):
        for kind, batches in (("input pipeline", moving), ("fixed batch", fixed)):
            clock.epochs.clear()
            worked = time.process_time()
            trainee.fit(batches, steps_per_epoch=STEPS, epochs=3, verbose=0, callbacks=[clock])
            if round_:  # the first compiles; the first epoch of each opens the files
                taken[kind].append(np.array(clock.epochs[1:]))
                work[kind].append(time.process_time() - worked)
    what = (
        f"{name}, {'whole records' if crop is None else f'crops of {crop} samples'}, batch {BATCH}"
    )
    print(what)
    for kind, rounds in taken.items():
        show(kind, 1000 * np.concatenate(rounds).ravel(), "ms a step")
    ratios = [np.median(a) / np.median(b) for a, b in zip(*taken.values(), strict=True)]
    show("input pipeline / fixed batch", np.array(ratios), "x")
    pipeline, fixed_batch = (np.array(seconds) for seconds in work.values())
    show("the same in processor time", pipeline / fixed_batch, "x")
    first = [np.median(times[:, 0]) / np.median(times[:, 1:]) for times in taken["input pipeline"]]
    show("an epoch's first step / the others", np.array(first), "x")


class Clock(keras.callbacks.Callback):
    """Notes the seconds of each step, an entry an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[list[float]] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])
        self.last = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.epochs[-1].append(now - self.last)
        self.last = now


def show(name: str, values: np.ndarray, unit: str) -> None:
    low, middle, high = np.percentile(values, [10, 50, 90])
    print(f"  {name}: {middle:.3g} {unit} (10-90 %: {low:.3g}-{high:.3g})")


main()
