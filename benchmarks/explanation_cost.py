"""What an explanation costs: the additive map in ONNX, and a Grad-CAM beside it; one run.

    python benchmarks/explanation_cost.py [MODEL...]

Each additive model (or those named) at the size that it was published for, with five labels and
drawn weights, on which time does not depend; the map on one thread, Grad-CAM and what it is held
against on all cores, TensorFlow and ONNX Runtime alike.
Calls take turns, in an order that turns round each time; printed are medians of each turn's ratio,
with the 10th and 90th percentile, by the clock and by processor time.

- Map: prediction with its map over prediction alone, which is the same file without that output, at
  batch 1 and 32. Mark: 1.05 at most.
- Grad-CAM: one label's, by tf.GradientTape on the same model at its last feature map, with the
  prediction, over prediction and maps of all labels in ONNX, at batch 1. Marks: 20 at least for
  signal_cam, 5 for ecg_xplaim. "tape" is written as in Keras' example and ECG-XPLAIM's code, each
  operation run as it is called; "compiled" is the same as one tf.function, whose graph leaves out
  the gradients that are not asked for.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from gemm_share import SIZES, USUAL, card_of
from inference import session, without_attribution

from ecglens.errors import run_stage
from ecglens.explain.networks import choose_layers
from ecglens.export import export
from ecglens.models import MODELS, build_model
from ecglens.record import LEADS

LABELS = 5
WITH_GRADCAM = ("signal_cam", "ecg_xplaim")  # that have a mark
BATCHES, SECONDS = (1, 32), 20  # for the turns of a comparison
ROUNDS = (5, 3000)  # turns, at least and at most


def main() -> None:
    for name in sys.argv[1:] or [name for name, entry in MODELS.items() if entry.additive]:
        samples, rate = SIZES.get(name, USUAL)
        keras.utils.set_random_seed(0)
        model = build_model(name, samples=samples, labels=LABELS, sampling_frequency=rate)
        x = np.random.default_rng(0).normal(0, 0.5, (max(BATCHES), samples, len(LEADS)))
        x = x.astype(np.float32)
        print(f"{name}, {samples} x 12", flush=True)
        full, cut, wide = sessions(model, name, samples, rate)
        for batch in BATCHES:
            report(f"map, batch {batch}", in_turns([cut, full], x[:batch]))
        if name in WITH_GRADCAM:
            for kind in ("tape", "compiled"):
                cam = gradcam(model, compiled=kind == "compiled")
                report(f"Grad-CAM, {kind}", in_turns([wide, cam], x[:1]))


def sessions(model: keras.Model, name: str, samples: int, rate: int) -> list[Callable]:
    """Return functions of signals: the exported model, without its map, and on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        path, nothing = Path(folder) / "model.onnx", np.zeros((1, samples, len(LEADS)), np.float32)
        export(model, card_of(name, samples, rate, LABELS), nothing, path)
        found = session(path), without_attribution(path), session(path, os.cpu_count())
    return [lambda x, one=one: one.run(None, {"millivolts": x}) for one in found]


def gradcam(model: keras.Model, *, compiled: bool) -> Callable[[np.ndarray], tuple]:
    """Return a function from one record to its probabilities and the first label's map."""
    features = model.get_layer(choose_layers(model)[0]).output
    both = keras.Model(model.input, [features, model.output["probability"]])

    def coarse(signals):
        with tf.GradientTape() as tape:
            given, probability = both(signals)
            value = probability[:, 0]
        weights = tf.reduce_mean(tape.gradient(value, given), axis=1, keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(given * weights, axis=2))
        return probability, heat / (tf.reduce_max(heat) + 1e-12)

    function = tf.function(coarse) if compiled else coarse
    places = np.linspace(0, 1, model.input.shape[1])

    def run(signals):
        probability, heat = (part.numpy()[0] for part in function(tf.constant(signals)))
        return probability, np.interp(places, np.linspace(0, 1, len(heat)), heat)

    return run


def in_turns(calls: list[Callable], signals: np.ndarray) -> np.ndarray:
    """Return seconds of two functions of signals, (rounds, 2 functions, clock and processor)."""
    for call in calls:
        call(signals), call(signals)  # the first prepare themselves
    taken, begin = [], time.perf_counter()
    while len(taken) < ROUNDS[0] or (
        len(taken) < ROUNDS[1] and time.perf_counter() - begin < SECONDS
    ):
        row = np.empty((2, 2))
        for k in (0, 1) if len(taken) % 2 else (1, 0):
            start = time.perf_counter(), time.process_time()
            calls[k](signals)
            row[k] = time.perf_counter() - start[0], time.process_time() - start[1]
        taken.append(row)
    return np.array(taken)


def report(name: str, taken: np.ndarray) -> None:
    """Print the second call's time as a multiple of the first's."""
    shown = f"  {name:<20}{len(taken):>6} turns"
    for k, kind in enumerate(("clock", "processor")):
        first, second = (1e3 * np.median(taken[:, call, k]) for call in (0, 1))
        low, middle, high = np.percentile(taken[:, 1, k] / taken[:, 0, k], (10, 50, 90))
        shown += (
            f"   {kind} {middle:.3f} x ({low:.3f} to {high:.3f}; {second:.2f} / {first:.2f} ms)"
        )
    print(shown, flush=True)


run_stage(main)
