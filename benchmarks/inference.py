"""One record through ONNX Runtime against Keras, and what the attribution costs; one run.

    python benchmarks/inference.py MODEL_FOLDER SIGNALS_FOLDER

For example models/superclass/signal_cam and data/ptb-xl/signals, after the pipeline has run. Prints
medians of calls that take turns, with the 10th and 90th percentile, and the largest
|sum of attribution + bias - logit| over 1,000 records.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from ecglens.card import OUTPUTS
from ecglens.export import additivity_errors
from ecglens.inference import Predictor
from ecglens.models import load_model
from ecglens.store import open_store


def main() -> None:
    folder, signals = Path(sys.argv[1]), Path(sys.argv[2])
    store = open_store(signals)
    record = store.millivolts(np.array([0]))
    predictor = Predictor(folder / "model.onnx")
    full, plain = session(folder / "model.onnx"), without_attribution(folder / "model.onnx")
    feed = {"millivolts": record}
    model = load_model(folder / "trained" / "model.keras")

    whole, cut = times(lambda: full.run(None, feed), lambda: plain.run(None, feed), rounds=3000)
    keras, onnx_beside = times(
        lambda: model.predict(record, verbose=0), lambda: full.run(None, feed), rounds=100
    )
    show("onnx, with attribution", whole, "ms a record")
    show("onnx, without attribution", cut, "ms a record")
    show("keras model.predict", keras, "ms a record")
    show("keras / onnx", keras / onnx_beside, "x")
    show("attribution's share of onnx", (whole - cut) / np.median(whole) * 100, "%")

    rows = np.arange(min(1000, len(store.record_ids)))
    worst = max(
        additivity_errors(predictor.run(store.millivolts(part))).max()
        for part in np.array_split(rows, 10)
    )
    print(f"largest |attribution + bias - logit| over {len(rows)} records: {worst:.2g}")


def times(first: Callable, second: Callable, *, rounds: int) -> np.ndarray:
    """Return the milliseconds of two calls that take turns, shape (2, rounds)."""
    first(), second()
    taken = np.empty((2, rounds))
    for k in range(rounds):
        start = time.perf_counter()
        first()
        middle = time.perf_counter()
        second()
        taken[:, k] = middle - start, time.perf_counter() - middle
    return taken * 1e3


def show(name: str, values: np.ndarray, unit: str) -> None:
    """Print the median, and the 10th and 90th percentile."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    print(f"{name:<30}{middle:9.3f} {unit}   (10-90 %: {low:.3f} to {high:.3f})")


def session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Return a session of so many threads, set up as Predictor's is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def without_attribution(path: Path) -> onnxruntime.InferenceSession:
    """Return a session of the same graph without that one output."""
    with tempfile.TemporaryDirectory() as folder:
        cut, rest = Path(folder) / "cut.onnx", [name for name in OUTPUTS if name != "attribution"]
        onnx.utils.extract_model(str(path), str(cut), ["millivolts"], rest)
        return session(cut)


if __name__ == "__main__":
    main()
