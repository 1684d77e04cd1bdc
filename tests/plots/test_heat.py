"""Heat behind the tracing: sign, scale, shapes; figures saved whole and reproducibly."""

import io
import os

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from ecglens.errors import ModelError, ParameterError
from ecglens.plots.heat import draw_heat, figure_bytes, save_figure
from ecglens.record import LEADS, Record

RATE = 100.0


def a_record(seconds=4.0):
    """Return a flat tracing, which hides as little heat as can be."""
    return Record(np.zeros((round(seconds * RATE), 12), np.float32), RATE, "flat")


def pixels(figure):
    """Return the rendered picture, (height, width, 3) in [0, 1], first row at the top."""
    return imread(io.BytesIO(figure_bytes(figure, "png")))[..., :3]


def colours_behind(figure, *places):
    """Return for each (lead, time in s) the median colour just above the tracing there."""
    picture = pixels(figure)
    return [_colour(figure, picture, lead, second) for lead, second in places]


def _colour(figure, picture, lead, second):
    (trace,) = [line for line in figure.axes[0].lines if line.get_gid() == f"lead {lead}"]
    place = trace.get_xdata()[round(second * RATE)], np.nanmedian(trace.get_ydata())
    x, y = figure.axes[0].transData.transform(place)
    row, column = round(picture.shape[0] - y), round(x)
    patch = picture[row - 16 : row - 3, column - 6 : column + 7]
    return np.median(patch.reshape(-1, 3), axis=0)


def is_red(colour):
    return colour[0] > colour[2] + 0.4


def is_blue(colour):
    return colour[2] > colour[0] + 0.4


def is_white(colour):
    return colour.min() > 0.9


def test_positive_is_red_negative_is_blue_and_nought_is_white():
    attribution = np.zeros((400, 12))
    attribution[100:150, 1], attribution[250:300, 1] = 0.02, -0.02
    figure = draw_heat(a_record(), attribution)
    nought, positive, negative = colours_behind(figure, ("II", 0.5), ("II", 1.25), ("II", 2.75))
    assert is_white(nought)
    assert is_red(positive)
    assert is_blue(negative)


def test_lead_resolved_heat_stays_behind_its_own_lead():
    attribution = np.zeros((400, 12))
    attribution[100:200, LEADS.index("V3")] = 0.02
    figure = draw_heat(a_record(), attribution)
    own, *others = colours_behind(figure, *((lead, 1.5) for lead in ("V3", "V2", "V4", "III")))
    assert is_red(own)
    assert all(map(is_white, others))


@pytest.mark.parametrize("shape", [(400,), (400, 1)])
def test_heat_per_time_runs_behind_all_leads(shape):
    attribution = np.zeros(400)
    attribution[100:200] = 0.02
    figure = draw_heat(a_record(), attribution.reshape(shape))
    leads = ("I", "aVF", "V1", "V6")
    assert all(map(is_red, colours_behind(figure, *((lead, 1.5) for lead in leads))))
    assert all(map(is_white, colours_behind(figure, *((lead, 3.0) for lead in leads))))


@pytest.mark.parametrize("columns", [1, 12])
def test_a_samples_heat_is_centred_on_its_point_of_the_tracing(columns):
    figure = draw_heat(a_record(), np.ones((400, columns)))
    left, right, _, _ = figure.axes[0].images[0].get_extent()
    (trace,) = [line for line in figure.axes[0].lines if line.get_gid() == "lead I"]
    x = trace.get_xdata()
    assert (left + right) / 2 == pytest.approx((x[0] + x[-1]) / 2)
    assert (right - left) / 400 == pytest.approx(x[1] - x[0])


def test_the_scale_is_symmetric_in_logit_per_second_and_one_sample_does_not_set_it():
    attribution = np.full((400, 12), 0.05)
    attribution[7, 3] = -100.0
    image = draw_heat(a_record(), attribution).axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax) == (-5.0, 5.0)


def test_heat_in_a_few_samples_only_sets_the_scale():
    attribution = np.zeros((400, 12))
    attribution[200, 5] = -0.03
    assert draw_heat(a_record(), attribution).axes[0].images[0].norm.vmax == 3.0


def hatched(figure):
    """Return the outlines of what is hatched on the page."""
    return [patch for patch in figure.axes[0].patches if patch.get_gid() == "against"]


@pytest.mark.parametrize("columns", [1, 12])
def test_what_speaks_against_is_hatched_so_that_a_grey_print_tells_it(columns):
    attribution = np.zeros((400, columns))
    attribution[100:150], attribution[250:300] = 0.02, -0.02
    figure = draw_heat(a_record(), attribution)
    (outline,) = hatched(figure)
    assert outline.get_hatch()
    (trace,) = [line for line in figure.axes[0].lines if line.get_gid() == "lead V1"]
    x, height = trace.get_xdata(), np.median(trace.get_ydata())
    inside = [outline.get_path().contains_point((x[k], height + 1)) for k in (50, 125, 275, 350)]
    assert inside == [False, False, True, False]


def test_weak_evidence_against_and_a_map_without_a_sign_are_not_hatched():
    attribution = np.full((400, 12), 0.02)
    attribution[:100] = -0.003
    assert hatched(draw_heat(a_record(), attribution)) == []
    assert hatched(draw_heat(a_record(), np.abs(attribution), signed=False)) == []


def test_a_map_without_a_sign_runs_from_nought_in_its_own_unit():
    figure = draw_heat(a_record(), np.full(400, 0.05), signed=False, unit="logit per mV")
    ticks = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert ticks == ["0", "5"]
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "logit per mV per second" in words
    assert not any("against" in text for text in words)


def test_a_negative_value_in_a_map_without_a_sign_is_refused():
    attribution = np.full(400, 0.05)
    attribution[:3] = -1e-6
    with pytest.raises(ModelError, match="3 values below 0"):
        draw_heat(a_record(), attribution, signed=False)


def test_the_3x4_page_says_how_much_of_a_lead_resolved_map_it_shows():
    attribution = np.zeros((400, 12))
    attribution[0:10, LEADS.index("I")] = 0.03  # in the first quarter: shown
    attribution[0:10, LEADS.index("V6")] = -0.01  # in the first quarter: hidden
    words = {t.get_text() for t in draw_heat(a_record(), attribution, layout="3x4").axes[0].texts}
    assert "This layout shows 75 % of the attribution, in absolute terms." in words
    whole = draw_heat(a_record(), attribution, layout="12x1").axes[0].texts
    assert not any("This layout" in text.get_text() for text in whole)
    by_time = draw_heat(a_record(), attribution[:, :1], layout="3x4").axes[0].texts
    assert not any("This layout" in text.get_text() for text in by_time)


def test_heat_at_a_high_rate_is_averaged_to_what_a_page_can_show():
    record = Record(np.zeros((8000, 12), np.float32), 2000, "fast")
    attribution = np.zeros((8000, 12))
    attribution[4000] = 1.0  # 1 of the 16 samples of a printed pixel
    figure = draw_heat(record, attribution, layout="12x1")
    image = figure.axes[0].images[0].get_array()
    assert image.shape[:2] == (1, 500)
    assert image[0, 250, 0] > image[0, 250, 2]
    assert (image[0, :250] == 255).all()


def test_an_all_zero_attribution_draws_white_and_is_said_to_be_empty():
    figure = draw_heat(a_record(), np.zeros((400, 12)))
    assert is_white(*colours_behind(figure, ("V5", 2.0)))
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "The attribution is nought everywhere." in words


def test_the_colour_bar_states_unit_ends_and_meaning():
    figure = draw_heat(a_record(), np.full(400, 0.05))
    ticks = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert ticks == ["\N{MINUS SIGN}5", "0", "+5"]
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert all(word in words.split() for word in ("for", "against", "second"))


@pytest.mark.parametrize("layout", ["6x2", "12x1"])
def test_no_words_overlap_whatever_their_length(layout):
    record = Record(np.zeros((100, 12)), RATE, "a name that goes on and on " * 3)
    title, subtitle = "A title that goes on " * 9, "bias + attribution = logit " * 9
    figure = draw_heat(record, np.ones(100), title=title, subtitle=subtitle, layout=layout)
    figure.draw_without_rendering()
    labels = figure.axes[1].get_xticklabels()
    boxes = [text.get_window_extent() for text in [*figure.axes[0].texts, *labels]]
    boxes.append(figure.axes[1].get_window_extent())
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_missing_samples_draw_with_heat_behind_them():
    record = a_record()
    record.signal[150:250, 2] = np.nan
    figure = draw_heat(record, np.full((400, 12), 0.01))
    assert is_red(*colours_behind(figure, ("III", 1.0)))
    assert "no data" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("shape", [(399,), (12, 400), (400, 3), (1, 400, 12), (400, 12, 1)])
def test_an_attribution_of_another_shape_names_both_shapes(shape):
    with pytest.raises(ModelError) as caught:
        draw_heat(a_record(), np.zeros(shape))
    assert str(shape) in caught.value.found
    assert "(400, 12)" in caught.value.expected


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_attribution_that_is_not_finite_is_refused(value):
    attribution = np.zeros(400)
    attribution[[3, 5]] = value
    with pytest.raises(ModelError, match="2 values that are NaN or infinite"):
        draw_heat(a_record(), attribution)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_two_runs_write_identical_bytes(tmp_path, kind, monkeypatch):
    attribution = np.random.default_rng(0).normal(size=(400, 12))
    written = []
    for run, epoch in enumerate(("0", "1000000000")):
        # A date in a file would follow this clock.
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        path = tmp_path / f"{run}.{kind}"
        save_figure(draw_heat(a_record(), attribution, title="NORM", subtitle="logit"), path)
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert len(written[0]) > 10_000


def test_saving_makes_missing_folders_and_leaves_settings_and_nothing_else(tmp_path):
    salt = matplotlib.rcParams["svg.hashsalt"]
    path = tmp_path / "reports" / "one.PNG"
    save_figure(draw_heat(a_record(1.0), np.zeros(100)), path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in path.parent.iterdir()] == ["one.PNG"]
    assert matplotlib.rcParams["svg.hashsalt"] == salt


def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "one.png"
    path.write_bytes(b"old")

    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(ParameterError, match=r"one\.png: found no writing to it: No space left"):
        save_figure(draw_heat(a_record(1.0), np.zeros(100)), path)
    assert [p.name for p in tmp_path.iterdir()] == ["one.png"]
    assert path.read_bytes() == b"old"


def test_a_figure_that_cannot_be_drawn_leaves_no_file(tmp_path, monkeypatch):
    figure = draw_heat(a_record(1.0), np.zeros(100))

    def broken(*_, **__):
        raise ValueError("cannot draw")

    monkeypatch.setattr(figure.axes[0].lines[0], "draw", broken)
    with pytest.raises(ValueError, match="cannot draw"):
        save_figure(figure, tmp_path / "one.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["one.gif", "one"])
def test_an_unknown_file_type_names_those_that_exist(tmp_path, name):
    with pytest.raises(ParameterError, match="Known: pdf, png, svg"):
        save_figure(draw_heat(a_record(1.0), np.zeros(100)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
