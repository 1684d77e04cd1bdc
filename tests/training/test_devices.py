"""Several devices share a batch: here processors that TensorFlow or JAX is told to be two."""

import json
import os
import subprocess
import sys

import pytest

# In a process of its own: a backend is told of its devices before it is first used.
CODE = """
import json, os, sys, tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

if os.environ["KERAS_BACKEND"] == "tensorflow":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from functools import partial

from ecglens.models import build_model
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.train_params import AugmentParams, TrainParams
from ecglens.training import Training, run_training

rng = np.random.default_rng(8)
truth = rng.integers(0, 2, (96, 2)).astype(np.float32)
counts = rng.normal(0, 60, (96, 120, 12))
counts[:, 40:48, 1] += 900 * truth[:, :1]
counts[:, 20:60, 6] += 500 * truth[:, 1:]
ids = np.arange(96)
store = Store(Path(), counts.astype(np.int16), ids, 100, "0")
parts = [Split(n, r, r, truth[r]) for n, r in (("train", ids[:64]), ("validation", ids[64:]))]
params = TrainParams(
    epochs=3, batch_size=32, learning_rate=0.01, schedule="cosine", patience=9, seed=1,
    **json.loads(sys.argv[1]),
)
if "--augmented" in sys.argv:
    params = replace(params, ema=0.8, mixup=0.2, augment=AugmentParams(preset="signal_cam"))
build = partial(build_model, "signal_cam", detrend_degree=0, scaling="none")
with tempfile.TemporaryDirectory() as work:
    trained = run_training(Training(build, store, *parts, params, None, Path(work)))
total = float(sum(np.abs(w).sum() for w in trained.model.get_weights()))
print(json.dumps({"history": trained.history, "weights": total}))
"""


def trained(backend, *options, **params):
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(params), *options],
        env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_as_one_does(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    one, two = trained(backend), trained(backend, devices=2)
    assert two["history"]["val_auroc"][-1] > 0.9
    # Each device normalises its half of the batch under TensorFlow, so the two differ a little.
    assert two["history"]["loss"] == pytest.approx(one["history"]["loss"], abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("devices", [1, 2])
def test_everything_that_a_fit_can_do_runs_on_each_backend_and_on_two_devices(backend, devices):
    if backend == "jax":
        pytest.importorskip("jax")
    result = trained(backend, "--augmented", devices=devices)
    assert result["history"]["loss"][-1] < result["history"]["loss"][0]
    assert all(0 <= value <= 1 for value in result["history"]["val_auroc"])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_processes_with_one_seed_end_alike_on_each_backend(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    assert trained(backend, "--augmented") == trained(backend, "--augmented")
