"""The matrix of segments and the bars of waves: what is drawn where, and what is refused."""

import numpy as np
import pytest

from ecglens.errors import ModelError, ParameterError
from ecglens.plots.segments import draw_segments, draw_waves, segment_sums
from ecglens.record import LEADS


@pytest.fixture
def shares():
    """Twelve leads by ten windows: V1 for in the fourth, II against in the second."""
    shares = np.zeros((12, 10))
    shares[6, 3], shares[1, 1], shares[7, 3] = 0.9, -0.5, 0.3
    return shares


def framed(figure):
    """Return (lead, window) of each framed cell, in the order of their numbers."""
    axes = figure.axes[0]
    frames = [p for p in axes.patches if p.get_gid() == "top"]
    return [(LEADS[round(p.get_y() + 0.5)], round(p.get_x() / p.get_width())) for p in frames]


def test_the_strongest_cells_are_framed_and_numbered_whatever_their_sign(shares):
    figure = draw_segments(shares, window=0.2, top=3)
    assert framed(figure) == [("V1", 3), ("II", 1), ("V2", 3)]
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2", "3"]


def test_cells_of_nought_are_never_among_the_strongest(shares):
    assert len(framed(draw_segments(shares, window=0.2, top=30))) == 3
    assert framed(draw_segments(shares, window=0.2, top=0)) == []


def test_what_speaks_against_is_hatched(shares):
    axes = draw_segments(shares, window=0.2).axes[0]
    hatched = [p for p in axes.patches if p.get_gid() == "against"]
    assert [(p.get_x(), p.get_y()) for p in hatched] == [(pytest.approx(0.2), 0.5)]


def test_each_leads_sum_stands_beside_its_row(shares):
    bars = draw_segments(shares, window=0.2).axes[1].patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], shares.sum(axis=1))
    assert bars[1].get_hatch() and not bars[6].get_hatch()


def test_windows_begin_where_the_stride_says_and_the_scale_is_symmetric(shares):
    image = draw_segments(shares, window=0.2, stride=0.1).axes[0].images[0]
    assert image.get_extent() == pytest.approx([0, 1.0, 11.5, -0.5])
    assert (image.norm.vmin, image.norm.vmax) == (-0.9, 0.9)


def test_an_attribution_over_all_leads_has_one_row():
    axes = draw_segments(np.ones((1, 4)), window=0.5).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all leads"]


@pytest.mark.parametrize("shares", [np.zeros((3, 4)), np.zeros(12), np.zeros((12, 0))])
def test_segments_of_another_shape_are_refused(shares):
    with pytest.raises(ModelError, match=r"expected \(12 or 1, windows\)"):
        draw_segments(shares, window=0.2)


def test_segments_that_are_not_finite_are_refused(shares):
    shares[0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN or infinite"):
        draw_segments(shares, window=0.2)


@pytest.mark.parametrize("wrong", [{"window": 0}, {"window": 1, "stride": -1}])
def test_a_window_without_length_is_refused(shares, wrong):
    with pytest.raises(ParameterError, match="lengths in s above 0"):
        draw_segments(shares, **wrong)


WAVES = {"P": [-0.1] + [0.0] * 11, "QRS": [0.3] + [0.05] * 11, "T": [0.1, -0.2] + [0.0] * 10}


def test_waves_stack_upwards_for_and_downwards_against():
    bars = draw_waves(WAVES).axes[0].containers
    ends = {
        (c.get_label().split()[0], k): (bar.get_y(), bar.get_y() + bar.get_height())
        for c in bars
        if not c.get_label().startswith("_")
        for k, bar in enumerate(c)
    }
    assert ends["QRS", 0] == pytest.approx((0, 0.3))
    assert ends["T", 0] == pytest.approx((0.3, 0.4))
    falling = [bar for c in bars if c.get_label().startswith("_") for bar in c]
    assert min(bar.get_height() for bar in falling) == pytest.approx(-0.2)
    assert all(bar.get_hatch() for bar in falling)


def test_the_legend_gives_each_waves_part_of_all_that_speaks_for_the_label():
    legend = draw_waves(WAVES).legends[0]
    # For: QRS .3 + 11 · .05 = .85, T .1, of .95 in all.
    assert [t.get_text() for t in legend.get_texts()] == ["P  0 %", "QRS  89 %", "T  11 %"]


def test_waves_without_a_lead_axis_have_one_bar():
    axes = draw_waves({"QRS": [0.5], "T": [0.1]}).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["all leads"]


@pytest.mark.parametrize("row", [[0.1] * 3, [np.nan] * 12])
def test_a_wave_of_another_shape_or_not_finite_is_refused_by_name(row):
    with pytest.raises(ModelError, match="wave QRS"):
        draw_waves({"QRS": row})


def test_no_wave_is_refused():
    with pytest.raises(ParameterError, match="at least one wave"):
        draw_waves({})


def test_segments_add_up_to_the_map_whatever_is_left_at_the_end():
    attribution = np.random.default_rng(0).normal(size=(1003, 12))
    sums = segment_sums(attribution, 100.0, 0.2)
    assert sums.shape == (12, 51)
    np.testing.assert_allclose(sums.sum(axis=1), attribution.sum(axis=0))
    np.testing.assert_allclose(sums[3, 7], attribution[140:160, 3].sum())


def test_a_window_below_a_sample_is_refused():
    with pytest.raises(ParameterError, match="at least one sample"):
        segment_sums(np.zeros((100, 12)), 100.0, 0.001)
