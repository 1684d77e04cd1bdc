"""One record through ONNX Runtime against Keras, and what the attribution costs; one run.

    python benchmarks/inference.py MODEL_FOLDER SIGNALS_FOLDER

For example models/superclass/signal_cam and data/ptb-xl/signals, after the pipeline has run. Prints
medians over rounds in which the contestants take turns, with the 10th and 90th percentile, and the
largest |sum of attribution + bias - logit| over 1,000 records.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from ecglens.export import additivity_error
from ecglens.inference import Predictor
from ecglens.models import load_model
from ecglens.store import open_store

ROUNDS, PER_ROUND = 60, 20


def main() -> None:
    folder, signals = Path(sys.argv[1]), Path(sys.argv[2])
    store = open_store(signals)
    record = store.millivolts(np.array([0]))
    predictor = Predictor(folder / "model.onnx")
    full, plain = session(folder / "model.onnx"), without_attribution(folder / "model.onnx")
    feed = {"millivolts": record}
    model = load_model(folder / "trained" / "model.keras")

    contestants = {
        "onnx, probability and attribution": (lambda: full.run(None, feed), PER_ROUND),
        "onnx, probability alone": (lambda: plain.run(None, feed), PER_ROUND),
        "keras model.predict": (lambda: model.predict(record, verbose=0), 1),
    }
    times = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, (call, repeats) in contestants.items():
            call()
            start = time.perf_counter()
            for _ in range(repeats):
                call()
            times[name].append((time.perf_counter() - start) / repeats * 1e3)

    for name, values in times.items():
        low, middle, high = np.percentile(values, [10, 50, 90])
        print(f"{name:<36}{middle:8.3f} ms a record   (10-90 %: {low:.3f} to {high:.3f})")
    whole, alone, keras = (np.array(v) for v in times.values())
    print(f"keras / onnx                        {np.median(keras / whole):8.1f} x")
    share = (whole - alone) / whole
    low, middle, high = np.percentile(share, [10, 50, 90]) * 100
    print(
        f"attribution's share of onnx         {middle:8.1f} %   (10-90 %: {low:.1f} to {high:.1f})"
    )

    rows = np.arange(min(1000, len(store.record_ids)))
    worst = max(
        additivity_error(predictor.run(store.millivolts(part))) for part in np.array_split(rows, 10)
    )
    print(f"largest |attribution + bias - logit| over {len(rows)} records: {worst:.2g}")


def session(path: Path) -> onnxruntime.InferenceSession:
    """Return a session of one thread, set up as Predictor's is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def without_attribution(path: Path) -> onnxruntime.InferenceSession:
    """Return a session of the same graph cut down to its probability."""
    with tempfile.TemporaryDirectory() as folder:
        cut = Path(folder) / "probability.onnx"
        onnx.utils.extract_model(str(path), str(cut), ["millivolts"], ["probability"])
        return session(cut)


main()
