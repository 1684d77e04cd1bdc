"""An epoch over the prepared arrays, against one that reads every WFDB file again.

    python benchmarks/epoch.py PTB-XL-FOLDER SIGNALS_FOLDER [ROUNDS]

SIGNALS_FOLDER is what the stage prepare made of PTB-XL at 100 Hz, such as data/ptb-xl/signals. Ours
is the input of every training: shuffled batches of all records. The other is ECG-XPLAIM's: a Python
generator that reads each record with wfdb.rdsamp, in the same tf.data; on a part of the records,
drawn anew each round, and scaled. Both take turns; prints medians of the rounds with their range.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
import wfdb

from ecglens.splits import Split
from ecglens.store import open_store
from ecglens.training.data import training_batches

PART, BATCH, LABELS = 500, 64, 5


def main() -> None:
    source, store = Path(sys.argv[1]), open_store(Path(sys.argv[2]))
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    table = pd.read_csv(source / "ptbxl_database.csv", index_col="ecg_id")
    paths = [str(source / name) for name in table.filename_lr[store.record_ids]]
    records = len(paths)
    truth = np.random.default_rng(0).integers(0, 2, (records, LABELS)).astype(np.float32)
    split = Split("train", np.arange(records), store.record_ids, truth)
    print(f"{records} records in batches of {BATCH}")
    seconds = []
    for number in range(rounds + 1):  # the first is not counted
        steps = records // BATCH  # of the stream of training, whose batches are all full
        stream = training_batches(store, split, BATCH, seed=number).take(steps)
        ours = timed(stream, steps * BATCH) * records / (steps * BATCH)
        places = np.random.default_rng(number).permutation(records)[:PART]
        theirs = timed(reread(paths, truth, places, store.samples), PART) * records / PART
        if number:
            seconds.append((ours, theirs))
    ours, theirs = np.array(seconds).T
    show("prepared arrays", ours, "s an epoch")
    show("re-reading WFDB", theirs, f"s an epoch, of {PART} records scaled")
    show("re-reading / prepared", theirs / ours, "x")


def reread(paths: list[str], truth: np.ndarray, places: np.ndarray, samples: int):
    """Return batches of records that are read in their shuffled order."""

    def records():
        for place in places:
            signal, _ = wfdb.rdsamp(paths[place])
            yield signal.astype(np.float32), truth[place]

    signature = (
        tf.TensorSpec((samples, 12), tf.float32),
        tf.TensorSpec((truth.shape[1],), tf.float32),
    )
    data = tf.data.Dataset.from_generator(records, output_signature=signature)
    return data.batch(BATCH).prefetch(2)


def timed(data, records: int) -> float:
    """Return the seconds that it takes to see all batches."""
    start = time.perf_counter()
    seen = sum(len(truth) for _, truth in data)
    assert seen == records
    return time.perf_counter() - start


def show(name: str, values: np.ndarray, unit: str) -> None:
    low, middle, high = np.percentile(values, [0, 50, 100])
    print(f"{name:<24}{middle:8.1f} {unit}   ({low:.1f} to {high:.1f})")


main()
