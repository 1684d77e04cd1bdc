"""Several devices share a batch: here processors that TensorFlow or JAX is told to be two."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from ecglens.errors import ParameterError
from ecglens.models import build_model
from ecglens.train_params import TrainParams, check_training
from ecglens.training import Training, run_training
from ecglens.training.data import ordered_batches

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
from ecglens.training import Guide, Training, run_training

def copies(weight):
    if os.environ["KERAS_BACKEND"] == "jax":
        return [shard.data for shard in weight.value.addressable_shards]
    return getattr(weight.value, "values", [weight.value])

rng = np.random.default_rng(8)
# Validation is a batch of 64 and one of a single record, of which one device would have none.
truth = rng.integers(0, 2, (129, 2)).astype(np.float32)
counts = rng.normal(0, 60, (129, 120, 12))
counts[:, 40:48, 1] += 900 * truth[:, :1]
counts[:, 20:60, 6] += 500 * truth[:, 1:]
ids = np.arange(129)
store = Store(Path(), counts.astype(np.int16), ids, 100, "0")
parts = [Split(n, r, r, truth[r]) for n, r in (("train", ids[:64]), ("validation", ids[64:]))]
params = TrainParams(
    epochs=3, batch_size=32, learning_rate=0.01, schedule="cosine", patience=9, seed=1,
    **json.loads(sys.argv[1]),
)
if "--augmented" in sys.argv:
    params = replace(
        params, ema=0.8, mixup=0.2, augment=AugmentParams(preset="signal_cam"), statistics="renewed"
    )
guide = None
if params.guidance:  # the evidence is said to be where there is only noise
    record, column = np.nonzero(truth[:64])
    edges = np.repeat([[90, 110]], len(record), axis=0)
    begins = np.searchsorted(record, np.arange(65))
    guide = Guide(begins, edges, column, np.ones((len(record), 12), bool), 120, 2)
build = partial(build_model, "signal_cam", detrend_degree=0, scaling="none")
with tempfile.TemporaryDirectory() as work:
    trained = run_training(Training(build, store, *parts, params, None, Path(work), guide=guide))
total = float(sum(np.abs(w).sum() for w in trained.model.get_weights()))
each = [copies(weight) for weight in trained.model.weights]
print(json.dumps({
    "history": trained.history, "val_auroc": trained.val_auroc, "weights": total,
    "devices": [len({str(copy.device) for copy in one}) for one in each],
    "apart": float(max(np.ptp([np.asarray(copy) for copy in one], axis=0).max() for one in each)),
}))
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
    assert set(one["devices"]) == {1} and set(two["devices"]) == {2}
    assert two["history"]["val_auroc"][-1] > 0.9
    # Each device normalises its half of the batch under TensorFlow, so the two differ a little.
    for name in ("loss", "val_loss"):
        assert two["history"][name] == pytest.approx(one["history"][name], abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_are_guided_and_weigh_rare_labels_as_one_does(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    # Every label counts as rare; guidance is most of the loss.
    one, two = (trained(backend, devices=n, guidance=1.0, rare=64) for n in (1, 2))
    assert set(two["devices"]) == {2} and two["apart"] == 0
    assert two["history"]["loss"] == pytest.approx(one["history"]["loss"], rel=0.1)
    assert two["val_auroc"] > 0.9 and one["val_auroc"] > 0.9


def test_each_batch_of_ordered_records_divides_by_the_devices(learnable):
    validation = learnable.validation
    read = list(ordered_batches(learnable.store, validation, 10, devices=7).as_numpy_iterator())
    assert [len(counts) for counts, _ in read] == [14, 14, 14, 7]
    given, truth = (np.concatenate(part) for part in zip(*read, strict=True))
    rows = [*validation.rows, validation.rows[-1]]
    np.testing.assert_array_equal(given, learnable.store.counts[rows])
    np.testing.assert_array_equal(truth[:48], validation.truth)


def test_a_batch_that_the_devices_cannot_share_alike_is_refused_before_anything_is_read(tmp_path):
    params = TrainParams(
        epochs=1, batch_size=15, learning_rate=0.01, schedule="constant", patience=1, seed=1,
        devices=2,
    )  # fmt: skip
    words = r"batch_size: found 15, which train\.devices=2 .* of 2\. Say train\.batch_size=16"
    with pytest.raises(ParameterError, match=rf"params\.yaml: train: {words}"):
        check_training(params, "params.yaml: train", 100.0, 10.0)
    with pytest.raises(ParameterError, match=rf"train\.{words}, or train\.devices=1"):
        run_training(Training(build_model, None, None, None, params, None, tmp_path))


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
