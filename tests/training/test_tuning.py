"""A network that learnt more labels than its file answers is gone on with under its own head."""

from functools import partial

import numpy as np
import pytest

from ecglens.errors import ParameterError
from ecglens.models import build_model
from ecglens.models.ensemble import of_labels
from ecglens.training.tuning import head_places, take_weights

SAMPLES = 64
SIGNALS = np.random.default_rng(2).normal(size=(3, SAMPLES, 12)).astype(np.float32)


def beside(name, path, *columns, labels=3):
    """Save what answers some of a network's labels, and return it, and the network's builder."""
    build = partial(build_model, name, samples=SAMPLES)
    network = build(labels=labels)
    rng = np.random.default_rng(1)
    network.set_weights([rng.uniform(0.1, 0.4, w.shape) for w in network.get_weights()])
    model = network
    for chosen in columns:
        model = of_labels(model, chosen)
    model.save(path)
    return model, build


def begun(build, path, labels):
    """Return a new model that took the head of a file as well."""
    model = build(labels=labels)
    places = head_places(lambda samples, labels: build(labels=labels), SAMPLES, labels)
    take_weights(model, path, places, new_head=False)
    return model


# One of each kind of head: additive, dense, and one of two classes a label.
@pytest.mark.parametrize("name", ["signal_cam", "cnn", "ecg_imn_categorical"])
def test_the_columns_that_a_file_answers_are_taken_of_its_head(name, tmp_path):
    path = tmp_path / "model.keras"
    answers, build = beside(name, path, (2, 0))
    model = begun(build, path, labels=2)
    for part, expected in answers(SIGNALS).items():
        np.testing.assert_allclose(model(SIGNALS)[part], expected, rtol=1e-4, atol=1e-5)


def test_columns_of_columns_are_taken(tmp_path):
    path = tmp_path / "model.keras"
    answers, build = beside("signal_cam", path, (2, 0), (1,))
    model = begun(build, path, labels=1)
    np.testing.assert_allclose(model(SIGNALS)["logit"], answers(SIGNALS)["logit"], atol=1e-5)


def test_a_training_beside_goes_on_with_the_whole_head(tmp_path):
    path = tmp_path / "model.keras"
    answers, build = beside("signal_cam", path, (0,))
    model = begun(build, path, labels=3)
    found = np.asarray(model(SIGNALS)["logit"])
    np.testing.assert_allclose(found[:, :1], answers(SIGNALS)["logit"], atol=1e-5)


def test_a_head_that_answers_another_number_of_labels_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    _, build = beside("signal_cam", path, (0,))
    with pytest.raises(ParameterError, match=r"trained for 1 labels; expected 2.*train\.head=new"):
        begun(build, path, labels=2)
