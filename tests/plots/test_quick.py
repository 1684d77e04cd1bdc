"""Twelve leads at a glance: one scale, gaps, faults said."""

import numpy as np
import pytest

from ecglens.plots.quick import draw_quick
from ecglens.record import LEADS, Record


@pytest.fixture
def record():
    signal = 0.1 * np.random.default_rng(0).normal(size=(500, 12))
    signal[::60] += 1.0
    return Record(signal.astype(np.float32), 100.0, "$one$")


def lead(figure, name):
    return next(a for a in figure.axes if a.lines[0].get_gid() == f"lead {name}")


def test_every_lead_is_drawn_once_limbs_left_and_chest_right(record):
    figure = draw_quick(record)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        name for row in zip(LEADS[:6], LEADS[6:], strict=True) for name in row
    ]
    figure.draw_without_rendering()
    assert lead(figure, "I").get_position().x0 < lead(figure, "V1").get_position().x0


def test_times_are_seconds_and_missing_samples_are_gaps(record):
    record.signal[100:150, 3] = np.nan
    line = lead(draw_quick(record), "aVR").lines[0]
    assert line.get_xdata()[-1] == pytest.approx(4.99)
    assert np.isnan(line.get_ydata()[100:150]).all()
    assert lead(draw_quick(record), "aVR").get_title("right") == "10 % missing"


def test_an_artefact_does_not_set_the_scale_and_is_said_to_be_cut(record):
    calm = lead(draw_quick(record), "I").get_ylim()
    record.signal[:, 8] *= 300
    figure = draw_quick(record)
    low, high = lead(figure, "I").get_ylim()
    assert high < 8 and low < calm[1]
    assert "cut: goes to" in lead(figure, "V3").get_title("right")


@pytest.mark.parametrize("samples", [1, 2, 100_000])
def test_any_length_is_drawn(samples):
    figure = draw_quick(Record(np.zeros((samples, 12), np.float32), 500.0, "one"))
    figure.draw_without_rendering()
