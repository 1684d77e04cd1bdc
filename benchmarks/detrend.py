"""The degree-10 detrend of 1,000 records, against np.polyfit for each lead; one run.

    python benchmarks/detrend.py SIGNALS_FOLDER [ROUNDS]

SIGNALS_FOLDER holds prepared records of 10 s at 100 Hz, such as data/ptb-xl/signals. Ours is the
layer of every model: in Keras, batches from tensor to tensor, as within a model; and in
ONNX, as exported, in batches and record by record, as in serving. The other is np.polyfit and
np.polyval, lead by lead, in float64, on a part of the records, and scaled. Processor time of one
core. Prints medians of the rounds with their range, and the largest difference in mV.
"""

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")

import sys
import time
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

from ecglens.conditioning import Detrend
from ecglens.export import OPSET
from ecglens.store import open_store

RECORDS, PART, BATCH, DEGREE = 1000, 10, 64, 10


def main() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    store = open_store(Path(sys.argv[1]))
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    signals = np.nan_to_num(store.millivolts(np.arange(RECORDS)))
    layer, session = made(signals.shape[1])
    batches, single = parts(signals, BATCH), parts(signals, 1)
    contestants = {
        f"Keras, batches of {BATCH}": (layer, [tf.constant(part) for part in batches]),
        f"ONNX, batches of {BATCH}": (session, batches),
        "ONNX, record by record": (session, single),
        "np.polyfit per lead": (per_lead, single[:PART]),
    }
    seconds, found = {name: [] for name in contestants}, {}
    for number in range(rounds + 1):  # the first is not counted
        for name, (call, given) in contestants.items():
            start = time.process_time()
            results = [call(part) for part in given]
            spent = time.process_time() - start
            found[name] = np.concatenate(results)
            if number:
                seconds[name].append(spent * RECORDS / len(found[name]))
    report(seconds, found)


def made(samples: int) -> tuple:
    """Return the layer as a compiled function, and as a session of ONNX Runtime."""
    layer = keras.Sequential([keras.Input((samples, 12)), Detrend(DEGREE)])
    signature = [tf.TensorSpec((None, samples, 12), tf.float32, name="millivolts")]
    function = tf.function(lambda millivolts: layer(millivolts), signature)
    proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return function, lambda x: session.run(None, {"millivolts": x})[0]


def parts(signals: np.ndarray, size: int) -> list[np.ndarray]:
    return [signals[k : k + size] for k in range(0, len(signals), size)]


def per_lead(signals: np.ndarray) -> np.ndarray:
    time_ = np.linspace(-1, 1, signals.shape[1])
    result = np.empty(signals.shape)
    for record, out in zip(signals.astype(np.float64), result, strict=True):
        for lead in range(record.shape[1]):
            trend = np.polyfit(time_, record[:, lead], DEGREE)
            out[:, lead] = record[:, lead] - np.polyval(trend, time_)
    return result


def report(seconds: dict[str, list[float]], found: dict[str, np.ndarray]) -> None:
    *ours, theirs = seconds
    for name, values in seconds.items():
        low, middle, high = np.percentile(np.array(values) * 1e3, [0, 50, 100])
        print(f"{name:<24}{middle:9.1f} ms for {RECORDS} records   ({low:.1f} to {high:.1f})")
    for name in ours:
        ratio = np.array(seconds[theirs]) / seconds[name]
        spread = f"({ratio.min():.0f} to {ratio.max():.0f})"
        worst = np.abs(found[name][:PART] - found[theirs]).max()
        print(f"{np.median(ratio):6.0f} x  {spread:<16}{theirs} / {name}; differ by {worst:.1g} mV")


main()
