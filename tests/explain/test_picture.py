"""An explanation as a picture: bands as the method has them, an honest sum; a class's mean beat."""

import numpy as np
import plain_heart
import pytest

from ecglens.errors import LabelError
from ecglens.explain.beats import average_beats
from ecglens.explain.explanation import Cost, Explanation
from ecglens.explain.picture import draw_average, draw_explanation
from ecglens.plots.explained import draw_explained
from ecglens.plots.heat import figure_bytes
from ecglens.record import Record


@pytest.fixture
def record():
    return Record(np.random.default_rng(0).normal(0, 0.2, (400, 12)), 100, "00017_lr")


def explanation(method="additive", columns=12, *, total=1.0, bias=-0.25, logit=0.75, **about):
    maps = np.full((1, 400, columns, 2), total / (400 * columns))
    maps[..., 1] = 0
    return Explanation(
        method, ("AFIB", "NORM"), maps, np.array([[bias, 0.0]]), np.array([[logit, 0.0]]),
        np.array([[0.68, 0.5]]), about.pop("of", "logit"), 100.0, ("00017_lr",), {},
        Cost(1, 0, 0.1), **about,
    )  # fmt: skip


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def bands(figure):
    return [tuple(image.get_extent()) for image in figure.axes[0].images]


def test_an_exact_map_is_drawn_as_a_prediction_is(record):
    found = explanation()
    one = draw_explanation(found, 0, "AFIB", record, 0.5, layout="12x1")
    other = draw_explained(
        record, "AFIB", found.map(0, "AFIB"), probability=0.68, threshold=0.5, logit=0.75,
        bias=-0.25, layout="12x1",
    )  # fmt: skip
    assert figure_bytes(one, "png") == figure_bytes(other, "png")


@pytest.mark.parametrize(("columns", "count"), [(12, 12), (1, 2)])
def test_each_lead_has_its_band_where_the_method_tells_leads_apart(record, columns, count):
    figure = draw_explanation(explanation(columns=columns), 0, "AFIB", record, 0.5)
    assert len(set(bands(figure))) == count  # of 6x2: a band a lead, or one a column


def test_what_does_not_add_up_says_so_and_by_how_much(record):
    figure = draw_explanation(explanation("occlusion", logit=5.75), 0, "AFIB", record, 0.5)
    said = "occlusion: attribution +1.00 + bias −0.25, logit +5.75: they differ by 5.00"
    assert said in words(figure)


def test_what_adds_up_to_a_probability_says_which(record):
    found = explanation("shapley", bias=-0.32, of="probability", over_time=False)
    said = words(draw_explanation(found, 0, "AFIB", record, 0.5))
    assert "shapley: attribution +1.00 + bias −0.32 = probability +0.68" in said
    assert any("one value a lead" in text for text in said)
    assert any("probability per second" in text for text in said)


def test_a_map_without_a_sign_has_a_scale_from_nought(record):
    signed, unsigned = (
        words(draw_explanation(explanation(method), 0, "AFIB", record, 0.5))
        for method in ("additive", "gradcam")
    )
    assert any("against" in text for text in signed)
    assert not any("against" in text for text in unsigned)


def test_a_slope_is_not_summed(record):
    said = words(draw_explanation(explanation("saliency"), 0, "AFIB", record, 0.5))
    assert any(text.startswith("saliency: size of the gradient") for text in said)
    assert not any("bias" in text for text in said)
    assert any("logit per mV per second" in text for text in said)


def test_a_label_that_was_not_explained_is_refused(record):
    with pytest.raises(LabelError, match="a label that was explained"):
        draw_explanation(explanation(), 0, "AFLT", record, 0.5)


def an_average(records=2, columns=12, method="additive"):
    """Return the average of plain hearts that are A; none is B."""
    signals = np.stack([plain_heart.heart(amplitude=1 + k) for k in range(records)])
    maps = np.repeat(np.abs(signals)[:, :, :columns, None], 2, axis=3)
    members = np.tile([True, False], (records, 1))
    found = plain_heart.explanation(maps, ("A", "B"), method=method)
    return average_beats(found, signals, members)


def test_the_mean_beat_of_a_class_has_its_peak_at_r_over_its_attribution():
    figure = draw_average(an_average(), "A")
    for axes in figure.axes[:12]:
        (mean,) = [line for line in axes.lines if line.get_gid() == "mean"]
        band = np.asarray(axes.images[0].get_array())[0]
        assert mean.get_xdata()[mean.get_ydata().argmax()] == pytest.approx(0, abs=0.021)
        assert band.argmax() == mean.get_ydata().argmax()
        assert [c.get_gid() for c in axes.collections] == ["spread"]
    said = [text.get_text() for text in figure.texts]
    # Nine beats a record, but the last, whose T wave is cut off.
    assert said[0] == "A: mean of 16 beats of 2 records"
    assert said[1].startswith("mean beat ± standard deviation over records, over the mean")
    assert said[1].endswith("by additive")


def test_one_record_has_no_spread_and_one_column_says_that_leads_are_alike():
    figure = draw_average(an_average(records=1, columns=1), "A")
    assert not any(axes.collections for axes in figure.axes[:12])
    assert [text.get_text() for text in figure.texts] == [
        "A: mean of 8 beats of 1 record",
        "mean beat, over the mean attribution by additive, the same in every lead",
    ]


def test_the_mean_of_maps_without_a_sign_has_a_scale_from_nought():
    bar = draw_average(an_average(method="saliency"), "A").axes[-1]
    assert bar.get_ylim()[0] == 0
    assert bar.get_ylabel().startswith("logit per mV per second")


@pytest.mark.parametrize(
    ("label", "match"), [("C", "a label that was averaged"), ("B", "no record of 'B'")]
)
def test_a_class_that_was_not_averaged_or_has_no_record_is_refused(label, match):
    with pytest.raises(LabelError, match=match):
        draw_average(an_average(), label)
