"""What is told of a fit: figures for TensorBoard, lines for logs, when to stop."""

import subprocess
import sys
from dataclasses import replace

import pytest
import tensorflow as tf

from ecglens.train_params import TrainParams
from ecglens.training.callbacks import Tell, TensorBoard, clock, out_of_patience

WRITE = """
import sys
sys.modules["tensorboard"] = None  # as if it were not installed
from pathlib import Path
from ecglens.training import TensorBoard
writer = TensorBoard(Path(sys.argv[1]))
for epoch in range(3):
    writer.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_auroc": 0.5 + epoch / 10})
writer.on_train_end()
"""


def scalars(folder):
    """Return what event files hold, as (name, step) to value, and which plugin shows it."""
    found, plugins = {}, set()
    for path in sorted(folder.iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
                plugins.add(value.metadata.plugin_data.plugin_name)
    return found, plugins


def test_figures_are_written_for_tensorboard_by_epoch_and_a_fit_that_goes_on_adds_to_them(tmp_path):
    first = TensorBoard(tmp_path)
    first.on_epoch_end(0, {"loss": 0.5, "val_auroc": 0.75})
    first.on_train_end()
    second = TensorBoard(tmp_path)
    second.on_epoch_end(1, {"loss": 0.25, "val_auroc": 0.875})
    second.on_train_end()
    found, plugins = scalars(tmp_path)
    assert found == {
        ("loss", 1): 0.5, ("val_auroc", 1): 0.75, ("loss", 2): 0.25, ("val_auroc", 2): 0.875,
    }  # fmt: skip
    assert plugins == {"scalars"}


@pytest.mark.slow
def test_tensorboards_own_package_need_not_be_there_to_write(tmp_path):
    subprocess.run([sys.executable, "-c", WRITE, tmp_path], check=True, timeout=300)
    found, _ = scalars(tmp_path)
    assert len(found) == 6 and found["val_auroc", 3] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("more", "end"),
    [({}, "val_auroc 0.8750"), ({"val_accuracy": 0.5}, "val_auroc 0.8750, val_accuracy 0.5000")],
)
def test_a_line_an_epoch_tells_the_figures_the_speed_and_the_time_left(capsys, more, end):
    told = Tell(epochs=4, steps=10, done=2)
    told.on_train_begin()
    told.begun -= 100  # s
    figures = {"loss": 0.5, "auroc": 0.75, "val_loss": 0.625, "val_auroc": 0.875, **more}
    told.on_epoch_end(2, {**figures, "records_per_second": 1234.5})
    told.on_train_end()
    line = capsys.readouterr().out
    assert f"epoch 3/4: loss 0.5000, auroc 0.7500, val_loss 0.6250, {end}, 1234 rec" in line
    assert "records/s, at most 0:01:4" in line  # one epoch of 100 s is left


def test_a_duration_is_hours_minutes_and_seconds():
    assert [clock(s) for s in (0, 59.6, 61, 3600, 86399)] == [
        "0:00:00", "0:01:00", "0:01:01", "1:00:00", "23:59:59",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], False),
        ([0.5], False),
        ([0.5, 0.6, 0.55], False),
        ([0.5, 0.6, 0.55, 0.6], True),  # as good is not better
        ([0.6, 0.5, 0.55, 0.7], False),
    ],
)
def test_patience_ends_two_epochs_after_the_best(scores, expected):
    params = TrainParams(
        epochs=9, batch_size=1, learning_rate=0.1, schedule="constant", patience=2, seed=1
    )
    assert out_of_patience({"val_auroc": scores}, params) is expected
    losses = {"val_loss": [-score for score in scores], "val_auroc": list(range(len(scores)))}
    assert out_of_patience(losses, replace(params, best_by="loss")) is expected
