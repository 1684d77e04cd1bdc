"""The tracing on ECG paper: true scale, calibration, names, gaps."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from ecglens.errors import ParameterError, RecordError
from ecglens.plots.paper import LAYOUTS, draw_paper
from ecglens.record import LEADS, Record

MM_PER_INCH = 25.4


def a_record(seconds=10.0, rate=100.0, seed=0):
    """Return beats of lead-dependent height (mV) with a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    beats = np.exp(-(((time % 0.8) - 0.4) ** 2) / 2e-4)
    signal = beats[:, np.newaxis] * np.linspace(-1.5, 2.0, 12) + rng.normal(
        0, 0.01, (len(time), 12)
    )
    return Record(signal.astype(np.float32), rate, "one")


def lines(figure, gid):
    return [line for line in figure.axes[0].lines if line.get_gid() == gid]


def on_page(figure, line):
    """Return the points of a line in mm of the printed page, through the axes' own transform."""
    display = figure.axes[0].transData.transform(line.get_xydata())
    return display / figure.dpi * MM_PER_INCH


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rate", [100.0, 500.0])
def test_one_second_is_25_mm_and_one_millivolt_is_10_mm(layout, rate):
    record = a_record(rate=rate)
    record.signal[int(rate), 6] = record.signal[0, 6] + 1.0
    figure = draw_paper(record, layout=layout)
    (trace,) = lines(figure, "lead V1")
    points = on_page(figure, trace)
    np.testing.assert_allclose(points[int(rate)] - points[0], [25.0, 10.0], atol=1e-3)


def test_the_page_is_a_whole_number_of_pixels_with_5_to_a_millimetre():
    for seed, layout in enumerate(LAYOUTS):
        figure = draw_paper(a_record(seed=seed), layout=layout, title="A title")
        width, height = figure.canvas.get_width_height()
        assert (width / 5, height / 5) == pytest.approx(figure.axes[0].viewLim.max, abs=1e-6)


def test_the_calibration_pulse_is_one_millivolt_over_200_ms_in_every_row():
    figure = draw_paper(a_record())
    pulses = [on_page(figure, pulse) for pulse in lines(figure, "calibration pulse")]
    assert len(pulses) == 6
    for points in pulses:
        assert np.ptp(points[:, 1]) == pytest.approx(10.0)
        plateau = points[points[:, 1] > points[:, 1].mean()]
        assert np.ptp(plateau[:, 0]) == pytest.approx(5.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_lead_is_named_and_drawn_once(layout):
    figure = draw_paper(a_record(), layout=layout)
    written = texts(figure)
    assert [written.count(lead) for lead in LEADS] == [1] * 12
    assert [len(lines(figure, f"lead {lead}")) for lead in LEADS] == [1] * 12


def test_the_grid_has_a_line_every_millimetre_and_a_bold_one_every_five():
    figure = draw_paper(a_record())
    fine, bold = (c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    assert bold.get_linewidth() > fine.get_linewidth()
    for collection, every in ((fine, 1.0), (bold, 5.0)):
        x = [segment[0, 0] for segment in collection.get_segments() if np.ptp(segment[:, 0]) == 0]
        np.testing.assert_allclose(np.diff(x), every)


def test_the_footer_states_speed_gain_rate_and_the_records_name():
    written = texts(draw_paper(a_record(rate=500.0)))
    assert "25 mm/s  10 mm/mV  500 Hz" in written
    assert "one" in written


def test_missing_samples_leave_a_gap():
    record = a_record()
    record.signal[200:300, 1] = np.nan
    figure = draw_paper(record)
    (trace,) = lines(figure, "lead II")
    drawn = np.isfinite(trace.get_ydata())
    np.testing.assert_array_equal(drawn, np.isfinite(record.signal[:, 1]))


def test_a_lead_without_any_sample_says_so_and_the_others_are_drawn():
    record = a_record()
    record.signal[:, 3] = np.nan
    figure = draw_paper(record)
    assert texts(figure).count("not recorded") == 1
    assert np.isfinite(lines(figure, "lead aVL")[0].get_ydata()).all()


def test_an_offset_moves_no_tracing_off_its_baseline():
    record, shifted = a_record(), a_record()
    shifted.signal[:, 7] += 4.0
    before, after = (lines(draw_paper(r), "lead V2")[0].get_ydata() for r in (record, shifted))
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_rows_grow_with_the_tracing_up_to_a_limit():
    flat, tall, artefact = a_record(), a_record(), a_record()
    flat.signal[:] = 0.0
    tall.signal[:] *= 1.4
    artefact.signal[:] *= 100.0
    heights = [draw_paper(r).get_figheight() * MM_PER_INCH for r in (flat, tall, artefact)]
    assert heights[0] < heights[1] < heights[2] < 400.0


def test_tracings_within_the_limit_do_not_overlap():
    figure = draw_paper(a_record(), layout="12x1")
    spans = [lines(figure, f"lead {lead}")[0].get_ydata() for lead in LEADS]
    for upper, lower in pairwise(spans):
        assert upper.min() > lower.max()


def test_a_tracing_beyond_the_grid_is_cut_at_its_edge():
    record = a_record()
    record.signal[500, 0] = 30.0
    figure = draw_paper(record)
    figure.draw_without_rendering()
    (trace,) = lines(figure, "lead I")
    grid = figure.axes[0].patches[0].get_window_extent()
    clip = trace.get_clip_box() or trace.get_clip_path().get_fully_transformed_path().get_extents()
    np.testing.assert_allclose(clip.extents, grid.extents, atol=0.01)


@pytest.mark.parametrize(
    ("seconds", "rate", "speed"),
    [(0.02, 50.0, "25"), (80.0, 10.0, "25"), (81.0, 10.0, "12.5"), (1800.0, 5.0, "1")],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_length_fits_on_a_page_and_the_footer_states_the_speed(seconds, rate, speed, layout):
    figure = draw_paper(a_record(seconds, rate), layout=layout, title="A title")
    assert f"{speed} mm/s  10 mm/mV  {rate:g} Hz" in texts(figure)
    trace = on_page(figure, lines(figure, "lead V6")[0])
    grid = figure.axes[0].patches[0].get_bbox()
    assert grid.x0 < trace[:, 0].min() <= trace[:, 0].max() < grid.x1


@pytest.mark.parametrize("seconds", [1.0, 10.0])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_words_overlap_and_none_leave_the_page(seconds, layout):
    record = a_record(seconds)
    record = Record(record.signal, 100.0, "a name that goes on and on " * 3)
    figure = draw_paper(record, layout=layout, title="A title that goes on and on " * 9)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    for i, box in enumerate(boxes):
        assert box.min.min() >= 0 and (box.max <= figure.bbox.max).all()
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_dollar_signs_in_a_title_are_printed_as_they_are():
    figure = draw_paper(a_record(1.0), title=r"cost $\frac$ 5")
    figure.draw_without_rendering()
    assert r"cost $\frac$ 5" in texts(figure)


def test_an_unknown_layout_names_those_that_exist():
    with pytest.raises(ParameterError, match=r"'6x3'.*6x2"):
        draw_paper(a_record(), layout="6x3")


def test_a_record_too_long_for_a_page_says_how_long_one_may_be():
    with pytest.raises(RecordError, match=r"2500 s.*at most 2000 s"):
        draw_paper(a_record(2500.0, 2.0))
