"""An explanation as a picture: bands as the method has them, and an honest sum."""

import numpy as np
import pytest

from ecglens.errors import LabelError
from ecglens.explain.explanation import Cost, Explanation
from ecglens.explain.picture import draw_explanation
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
