"""One label explained: the title says the verdict, the line below it the sum."""

import numpy as np
import pytest

from ecglens.errors import ModelError
from ecglens.plots.explained import draw_explained
from ecglens.record import Record


@pytest.fixture
def record():
    signal = np.random.default_rng(0).normal(0, 0.2, (400, 12))
    return Record(signal, 100, "00017_lr")


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def explained(record, probability, threshold=0.5, *, shape=(400, 1), bias=-0.25):
    attribution = np.full(shape, 1.0 / np.prod(shape))
    return draw_explained(
        record, "AFIB", attribution,
        probability=probability, threshold=threshold, bias=bias, logit=1.0 + bias,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("probability", "verdict"), [(0.68, "at or above"), (0.5, "at or above"), (0.32, "below")]
)
def test_the_title_says_the_label_its_probability_and_the_verdict(record, probability, verdict):
    title = f"AFIB: probability {probability:.2f}, {verdict} its threshold 0.50"
    assert title in words(explained(record, probability))


def test_what_is_probable_of_a_rare_label_is_not_said_to_be_nought(record):
    title = "AFIB: probability 0.0042, at or above its threshold 0.003"
    assert title in words(explained(record, 0.00417, threshold=0.003))


@pytest.mark.parametrize("shape", [(400, 1), (400, 12)])
def test_the_line_below_adds_attribution_and_bias_up_to_the_logit(record, shape):
    assert "attribution +1.00 + bias −0.25 = logit +0.75" in words(
        explained(record, 0.68, shape=shape)
    )


def test_signs_are_written_out_on_both_sides(record):
    assert "attribution +1.00 + bias +0.25 = logit +1.25" in words(
        explained(record, 0.78, bias=0.25)
    )


def test_what_does_not_add_up_is_not_called_a_sum(record):
    figure = draw_explained(
        record, "AFIB", np.zeros((400, 1)), probability=0.7, threshold=0.5, bias=0.2, logit=3.3
    )
    assert "attribution +0.00 + bias +0.20, logit +3.30: they differ by 3.10" in words(figure)


def test_the_record_is_named_on_the_page(record):
    assert any("00017_lr" in text for text in words(explained(record, 0.5)))


def test_an_attribution_of_another_length_is_refused_by_the_records_name(record):
    with pytest.raises(ModelError, match="00017_lr: found an array of shape"):
        explained(record, 0.5, shape=(399, 1))
