"""The tracing on ECG paper: true scale, calibration, names, gaps."""

from itertools import pairwise

import numpy as np
import pytest

from ecglens.errors import ParameterError, RecordError
from ecglens.plots.layout import LAYOUTS
from ecglens.plots.paper import draw_paper
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


@pytest.mark.parametrize("layout", [*LAYOUTS, "V1"])
@pytest.mark.parametrize("rate", [100.0, 500.0])
def test_one_second_is_25_mm_and_one_millivolt_is_10_mm(layout, rate):
    record = a_record(rate=rate)
    start = int(5 * rate) if layout == "3x4" else 0  # V1 is in the third quarter there
    record.signal[start + int(rate), 6] = record.signal[start, 6] + 1.0
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
def test_every_lead_is_named_and_drawn_once_and_the_rhythm_lead_again(layout):
    figure = draw_paper(a_record(), layout=layout)
    written = texts(figure)
    times = [2 if layout == "3x4" and lead == "II" else 1 for lead in LEADS]
    assert [written.count(lead) for lead in LEADS] == times
    assert [len(lines(figure, f"lead {lead}")) for lead in LEADS] == times


def test_a_leads_name_is_a_layout_of_that_lead_alone():
    figure = draw_paper(a_record(), layout="aVF", speed=50, gain=20)
    names = [line.get_gid() for line in figure.axes[0].lines if line.get_gid()]
    assert names == ["calibration pulse", "lead aVF"]
    assert any("50 mm/s  20 mm/mV" in text for text in texts(figure))


def test_the_3x4_page_shows_the_record_in_turn_over_a_whole_rhythm_strip():
    record = a_record()
    figure = draw_paper(record, layout="3x4")
    by_lead = {lead: on_page(figure, lines(figure, f"lead {lead}")[0]) for lead in LEADS}
    columns = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
    zero = by_lead["I"][0, 0]
    for column, leads in enumerate(columns):
        for lead in leads:
            x = by_lead[lead][:, 0]
            assert len(x) == 250
            # Where it stands on the page is when it was: 25 mm a second from the page's start.
            assert x[0] - zero == pytest.approx(column * 62.5, abs=1e-6)
    rhythm = on_page(figure, lines(figure, "lead II")[1])
    assert len(rhythm) == 1000
    assert rhythm[0, 0] == pytest.approx(zero)
    shown = by_lead["V4"][:, 1] - by_lead["V4"][0, 1]
    expected = 10 * (record.signal[750:, 9] - record.signal[750, 9])
    np.testing.assert_allclose(shown, expected, atol=1e-3)


def test_a_10_s_page_of_3x4_prints_on_a4():
    width, height = draw_paper(a_record(), layout="3x4", title="A title").get_size_inches() * 25.4
    assert width <= 297
    assert height <= 210


def test_the_grid_has_a_line_every_millimetre_and_a_bold_one_every_five():
    figure = draw_paper(a_record())
    fine, bold = (c for c in figure.axes[0].collections if c.get_gid() == "grid")
    assert bold.get_linewidth() > fine.get_linewidth()
    for collection, every in ((fine, 1.0), (bold, 5.0)):
        x = [segment[0, 0] for segment in collection.get_segments() if np.ptp(segment[:, 0]) == 0]
        np.testing.assert_allclose(np.diff(x), every)


def test_the_footer_states_speed_gain_rate_and_the_records_name():
    written = texts(draw_paper(a_record(rate=500.0)))
    assert "25 mm/s  10 mm/mV  500 Hz" in written
    assert "one" in written


def gaps(figure):
    """Return left and right of each marked gap, in mm."""
    marked = [patch for patch in figure.axes[0].patches if patch.get_gid() == "gap"]
    return [(p.get_x(), p.get_x() + p.get_width()) for p in marked]


def test_missing_samples_leave_a_gap_that_is_marked_and_said():
    record = a_record()
    record.signal[200:300, 1] = np.nan
    figure = draw_paper(record)
    (trace,) = lines(figure, "lead II")
    x, drawn = trace.get_xdata(), np.isfinite(trace.get_ydata())
    np.testing.assert_array_equal(drawn, np.isfinite(record.signal[:, 1]))
    ((left, right),) = gaps(figure)
    assert x[199] < left < x[200] and x[299] < right < x[300]
    assert {"no data", "10 % missing"} <= set(texts(figure))


def test_a_gap_of_two_samples_is_blank_and_counted():
    record = a_record(rate=500.0)
    record.signal[200:202, 1] = np.nan
    figure = draw_paper(record)
    assert gaps(figure) == []
    assert "under 1 % missing" in texts(figure)


def test_flat_and_clipped_leads_are_said_and_sound_ones_are_not():
    record = a_record()
    record.signal[:, 7] = 0.3
    record.signal[:, 0] = np.maximum(record.signal[:, 0], -0.5)
    figure = draw_paper(record)
    noted = [text for text in figure.axes[0].texts if text.get_gid() == "note"]
    assert sorted(text.get_text() for text in noted) == ["clipped by the recorder", "flat"]


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


@pytest.mark.parametrize(("factor", "gain"), [(1.0, 10), (3.0, 5), (6.0, 2.5)])
def test_large_tracings_shrink_the_gain_which_is_stated_and_drawn(factor, gain):
    record = a_record()
    record.signal[:] *= factor  # the largest reaches 2 mV times it
    figure = draw_paper(record)
    unusual = "" if gain == 10 else " (usual: 10)"
    assert f"25 mm/s  {gain:g} mm/mV{unusual}  100 Hz" in texts(figure)
    pulse = on_page(figure, lines(figure, "calibration pulse")[0])
    assert np.ptp(pulse[:, 1]) == pytest.approx(gain)
    assert not any("cut" in text for text in texts(figure))


def test_a_record_in_the_wrong_unit_is_drawn_at_the_gain_that_fits_most_leads():
    record = a_record()
    record.signal[:] *= 100
    figure = draw_paper(record)
    assert "25 mm/s  0.25 mm/mV (usual: 10)  100 Hz" in texts(figure)


def test_one_artefact_does_not_shrink_the_other_leads_and_is_said_to_be_cut():
    record = a_record()
    record.signal[:, 8] *= 100
    figure = draw_paper(record)
    assert "25 mm/s  2.5 mm/mV (usual: 10)  100 Hz" in texts(figure)
    (note,) = [text for text in texts(figure) if "cut" in text]
    median = np.median(record.signal[:, 8])
    assert f"{record.signal[:, 8].max() - median:+.1f} mV" in note


def test_a_single_spike_neither_shrinks_the_page_nor_goes_unsaid():
    record = a_record()
    record.signal[500, 9] = 30.0
    figure = draw_paper(record)
    assert "25 mm/s  10 mm/mV  100 Hz" in texts(figure)
    assert any("cut: goes to +30.0 mV" in text for text in texts(figure))


@pytest.mark.parametrize("name", ["speed", "gain"])
@pytest.mark.parametrize("value", [0, -5, np.nan, np.inf])
def test_a_scale_that_is_none_is_refused(name, value):
    with pytest.raises(ParameterError, match=f"{name}: found .*above 0"):
        draw_paper(a_record(), **{name: value})


def test_tracings_within_the_limit_do_not_overlap():
    figure = draw_paper(a_record(), layout="12x1")
    spans = [lines(figure, f"lead {lead}")[0].get_ydata() for lead in LEADS]
    for upper, lower in pairwise(spans):
        assert upper.min() > lower.max()


def test_a_tracing_far_beyond_its_row_is_cut_and_never_leaves_the_grid():
    record = a_record()
    record.signal[500, 0] = 30.0
    figure = draw_paper(record)
    figure.draw_without_rendering()
    (trace,) = lines(figure, "lead I")
    grid = figure.axes[0].patches[0].get_window_extent()
    clip = trace.get_clip_box() or trace.get_clip_path().get_fully_transformed_path().get_extents()
    assert clip.y1 == pytest.approx(grid.y1, abs=0.01)
    assert clip.y0 > grid.y0
    np.testing.assert_allclose((clip.x0, clip.x1), (grid.x0, grid.x1), atol=0.01)


@pytest.mark.parametrize(
    ("seconds", "rate", "speed"),
    [(0.02, 50.0, "25"), (80.0, 10.0, "25"), (81.0, 10.0, "12.5"), (1800.0, 5.0, "1")],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_length_fits_on_a_page_and_the_footer_states_the_speed(seconds, rate, speed, layout):
    figure = draw_paper(a_record(seconds, rate), layout=layout, title="A title")
    assert f"{speed} mm/s  10 mm/mV  {rate:g} Hz" in texts(figure)
    last = "II" if layout == "3x4" else "V6"
    trace = on_page(figure, lines(figure, f"lead {last}")[-1])
    grid = figure.axes[0].patches[0].get_bbox()
    assert grid.x0 < trace[:, 0].min() <= trace[:, 0].max() < grid.x1


@pytest.mark.parametrize(
    ("layout", "seconds"), [("6x2", 1.0), ("6x2", 10.0), ("12x1", 1.0), ("12x1", 10.0), ("3x4", 10)]
)
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


@pytest.mark.parametrize("sign", [1, -1])
def test_one_tall_beat_in_an_outer_row_is_not_cut(sign):
    record = a_record()
    place = (0, 11)[sign < 0]  # I stands in the first row, V6 in the last
    record.signal[400:402, place] = sign * 1.4  # fewer samples than a row's reach counts
    assert not any("cut" in text for text in texts(draw_paper(record, layout="12x1")))
