"""How much of the machine's matrix products ONNX Runtime gets out of it, for every model; one run.

    python benchmarks/gemm_share.py [BATCH] [ROUNDS] [MODEL...]

Each model at the size that it was published for, with drawn weights, exported and run on all cores.
Beside each run the largest float32 matrix product that numpy makes of those tried is timed anew, so
that both meet the same load. The share is of multiplications that the architecture names (its
convolutions and dense layers; two operations each); what else a model does counts as time alone.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from ecglens.card import ModelCard
from ecglens.export import export
from ecglens.inference import Predictor
from ecglens.models import MODELS, build_model
from ecglens.models.parallel import ParallelConvolutions
from ecglens.record import LEADS

SIZES = {"ecg_xplaim": (5000, 500), "cnn": (5000, 500), "gru": (5000, 500), "resnet": (4096, 400)}
SIZES |= {"xresnet1d101": (250, 100), "inception1d": (250, 100)}
USUAL = (1000, 100)  # samples, Hz
EDGES = (512, 1024, 2048)  # of the matrices


def main() -> None:
    batch, rounds = (int(v) for v in (sys.argv[1:3] + ["32", "5"][len(sys.argv[1:3]) :]))
    for name in sys.argv[3:] or MODELS:
        samples, rate = SIZES.get(name, USUAL)
        model = build_model(name, samples=samples, labels=1, sampling_frequency=rate)
        predictor = exported(model, name, samples, rate)
        x = np.random.default_rng(0).normal(0, 0.5, (batch, samples, 12)).astype(np.float32)
        predictor.run(x)
        shares, seconds, peaks = [], [], []
        for _ in range(rounds):
            peak = largest_product()
            start = time.perf_counter()
            predictor.run(x)
            seconds.append(time.perf_counter() - start)
            peaks.append(max(peak, largest_product()))
            shares.append(2 * multiplications(model) * batch / seconds[-1] / peaks[-1])
        low, middle, high = np.percentile(shares, (10, 50, 90))
        print(
            f"{name:<20} {samples} x 12  {multiplications(model) / 1e6:8.1f} M multiplications  "
            f"{1e3 * np.median(seconds) / batch:8.2f} ms a record  "
            f"{middle:6.1%} ({low:.1%} to {high:.1%}) of {np.median(peaks) / 1e9:.0f} GFLOP/s",
            flush=True,
        )


def exported(model: keras.Model, name: str, samples: int, rate: int) -> Predictor:
    """Return a predictor on all cores of a model that was not trained."""
    card = card_of(name, samples, rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(model, card, np.zeros((1, samples, len(LEADS)), np.float32), path)
        return Predictor(path, threads=os.cpu_count())


def card_of(name: str, samples: int, rate: int, labels: int = 1) -> ModelCard:
    """Return the card of a model that was not trained."""
    return ModelCard(
        task="none", model=name, dataset="none", labels=tuple(map(str, range(labels))),
        thresholds=(0.5,) * labels, sampling_frequency=rate, samples=samples, leads=LEADS,
        units="mV", other_rates="refuse", run_id="", data_version="", git_commit="", created="",
        additive=MODELS[name].additive,
    )  # fmt: skip


def largest_product() -> float:
    """Return floating point operations a second of numpy's best square product."""
    best = 0.0
    for edge in EDGES:
        a = np.ones((edge, edge), np.float32)
        start = time.perf_counter()
        a @ a
        best = max(best, 2 * edge**3 / (time.perf_counter() - start))
    return best


def multiplications(model: keras.Model) -> int:
    """Return those of a record's convolutions, recurrent and dense layers."""
    total = 0
    for layer in model.layers:
        kernels = [w for w in layer.weights if "kernel" in w.path.rsplit("/", 1)[-1]]
        size = sum(int(np.prod(w.shape)) for w in kernels)
        if isinstance(layer, keras.layers.Conv1D | keras.layers.Conv2D | ParallelConvolutions):
            size *= int(np.prod(layer.output.shape[1:-1]))
        elif isinstance(layer, keras.layers.GRU | keras.layers.Bidirectional):
            size *= layer.input.shape[1]
        elif layer.name == "head" and not getattr(layer, "positional", True):
            size *= int(np.prod(layer.input.shape[1:-1]))  # each step's share
        total += size
    return total


if __name__ == "__main__":
    main()
