"""Training on whatever device and Keras backend is here: records per second, share of the peak.

    KERAS_BACKEND=jax python benchmarks/train_device.py [MODEL] [--samples 5000] [--batch 64]

Signals are drawn, so no data are needed. The peak is measured too: the best of matrix products of
several sizes, in float32 as Keras multiplies here, and in bfloat16. A step is counted as three
forward passes (one forward, two backward) of the multiplications of convolutions, recurrent and
dense layers, as ``gemm_share.py`` counts them, two operations each. ECG-XPLAIM trains in the
frequency domain, with fewer than are counted, so that its share may pass one.
"""

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from gemm_share import multiplications
from keras import ops

from ecglens.models import build_model
from ecglens.params import load_params
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.train_params import TrainParams
from ecglens.training.data import training_batches
from ecglens.training.fit import compiled_trainee

LABELS, RECORDS, STEPS = 5, 2048, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="signal_cam")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    print(f"Keras {keras.__version__} on {keras.backend.backend()}; {devices()}")
    keras.utils.set_random_seed(1)
    options = asdict(getattr(load_params().model, chosen.model))
    network = build_model(chosen.model, samples=chosen.samples, labels=LABELS, **options)
    operations = 3 * 2 * multiplications(network)
    rates = records_per_second(network, chosen)
    low, middle, high = np.percentile(rates, [10, 50, 90])
    print(
        f"{chosen.model}, {chosen.samples} samples, batch {chosen.batch}: {middle:.0f} records/s "
        f"(10-90 %: {low:.0f}-{high:.0f}), {operations / 1e9:.3g} GFLOP a record and step"
    )
    for dtype in ("float32", "bfloat16"):
        peak = measured_peak(dtype)
        share = middle * operations / peak
        print(f"measured peak in {dtype}: {peak / 1e12:.3g} TFLOP/s; share {100 * share:.1f} %")


def devices() -> str:
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return ", ".join(device.device_kind for device in jax.devices())
    found = tf.config.list_physical_devices("GPU")
    named = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in found]
    return ", ".join(map(str, named)) or "CPU"


def records_per_second(network: keras.Model, chosen: argparse.Namespace) -> list[float]:
    """Return the rate of each round of steps, after one that compiles."""
    rng = np.random.default_rng(1)
    counts = rng.integers(-500, 500, (RECORDS, chosen.samples, 12)).astype(np.int16)
    rows, truth = np.arange(RECORDS), rng.integers(0, 2, (RECORDS, LABELS)).astype(np.float32)
    store, split = Store(Path(), counts, rows, 100, "drawn"), Split("train", rows, rows, truth)
    params = TrainParams(
        epochs=1, batch_size=chosen.batch, learning_rate=1e-4, schedule="constant", patience=1,
        seed=1,
    )  # fmt: skip
    trainee = compiled_trainee(network, store, split, params, STEPS)
    batches = training_batches(store, split, chosen.batch, seed=1)
    rates = []
    for _ in range(chosen.rounds + 1):
        start = time.perf_counter()
        trainee.fit(batches, steps_per_epoch=STEPS, epochs=1, shuffle=False, verbose=0)
        rates.append(STEPS * chosen.batch / (time.perf_counter() - start))
    return rates[1:]


def measured_peak(dtype: str) -> float:
    """Return the best rate (operations a second) of square matrix products in ``dtype``."""
    best, large = 0.0, devices() != "CPU" and "cpu" not in devices().lower()
    for size in (1024, 2048, 4096, 8192) if large else (512, 1024):
        a = ops.cast(keras.random.normal((size, size)), dtype)
        product = compiled_product()
        ops.convert_to_numpy(ops.cast(product(a)[0, 0], "float32"))
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(REPEATS):
                result = product(a)
            ops.convert_to_numpy(ops.cast(result[0, 0], "float32"))  # waits for all
            best = max(best, REPEATS * 2 * size**3 / (time.perf_counter() - start))
    return best


REPEATS = 5


def compiled_product():
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(lambda a: ops.matmul(a, a))
    return tf.function(lambda a: ops.matmul(a, a))


main()
