"""ROC curves and training histories: what is drawn where, and what the legend says."""

from itertools import pairwise

import numpy as np
import pytest

from ecglens.errors import ParameterError
from ecglens.plots.curves import Curve, draw_history, draw_precision_recall, draw_roc
from ecglens.plots.heat import figure_bytes

RATES = np.linspace(0, 1, 50)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curve_chance_diagonal_and_operating_point_lie_where_their_rates_say():
    figure = draw_roc(
        {
            "MI": Curve(RATES, np.sqrt(RATES), 2 / 3, (0.25, 0.5)),
            "CD": Curve(RATES, RATES, 0.5, None),
        }
    )
    axes = figure.axes[0]
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
    np.testing.assert_allclose(drawn["MI  0.667"], np.column_stack([RATES, np.sqrt(RATES)]))
    np.testing.assert_array_equal(drawn["chance  0.500"], [[0, 0], [1, 1]])
    points = {line.get_gid(): line.get_xydata() for line in axes.lines if line.get_gid()}
    assert points.keys() == {"operating point MI"}
    np.testing.assert_array_equal(points["operating point MI"], [[0.25, 0.5]])


def test_the_roc_axes_are_square_and_hold_both_rates():
    figure = draw_roc({"MI": Curve(RATES, RATES, 0.5, None)})
    figure.draw_without_rendering()
    box = figure.axes[0].get_window_extent()
    assert box.width == pytest.approx(box.height, rel=0.01)
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()


def test_the_legend_states_auroc_to_three_decimals_and_what_the_marker_means():
    with_point = draw_roc({"MI": Curve(RATES, RATES, 0.92449, (0.1, 0.1))})
    without = draw_roc({"MI": Curve(RATES, RATES, 0.92449, None)})
    assert legend(with_point.axes[0]) == ["MI  0.924", "operating point", "chance  0.500"]
    assert legend(without.axes[0]) == ["MI  0.924", "chance  0.500"]


def test_curves_of_28_labels_differ_in_colour_or_line_style():
    figure = draw_roc({f"label {i}": Curve(RATES, RATES, 0.5, None) for i in range(28)})
    curves = [line for line in figure.axes[0].lines if line.get_label().startswith("label")]
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in curves}
    assert len(looks) == 28


@pytest.mark.parametrize("labels", [1, 8, 9, 71])
def test_the_legend_lies_on_the_page_and_off_the_good_corner(labels):
    figure = draw_roc({f"L{i}": Curve(RATES, RATES, 0.5, None) for i in range(labels)})
    figure.draw_without_rendering()
    axes = figure.axes[0]
    box = axes.get_legend().get_window_extent()
    assert figure.bbox.containsx(box.x1) and figure.bbox.containsy(box.y0)
    assert figure.bbox.containsy(box.y1)
    inside = axes.get_window_extent()
    assert box.x0 > inside.x0 + inside.width / 2


def test_no_curve_at_all_is_refused():
    with pytest.raises(ParameterError, match="at least one label"):
        draw_roc({})


def test_rates_of_different_length_are_refused_by_label():
    with pytest.raises(ParameterError, match=r"ROC curve of MI: found \(50,\) and \(3,\) rates"):
        draw_roc({"MI": Curve(RATES, RATES[:3], 0.5, None)})


HISTORY = {
    "loss": [0.9, 0.6, 0.5, 0.4],
    "val_loss": [0.9, 0.7, 0.6, 0.65],
    "auroc": [0.6, 0.7, 0.8, 0.9],
    "val_auroc": [0.6, 0.8, 0.75, 0.8],
}


def best_epoch(axes):
    marks = [line.get_xdata()[0] for line in axes.lines if line.get_gid() == "best epoch"]
    return marks[0] if marks else None


def test_the_best_epoch_is_the_first_with_the_greatest_validation_auroc():
    loss, auroc = draw_history(HISTORY).axes
    assert best_epoch(loss) == best_epoch(auroc) == 2
    assert "best epoch 2: 0.700" in legend(loss)
    assert "best epoch 2: 0.800" in legend(auroc)


def test_where_the_loss_decides_the_best_epoch_is_the_first_with_the_least():
    loss, auroc = draw_history(HISTORY, best_by="loss").axes
    assert best_epoch(loss) == best_epoch(auroc) == 3
    assert "best epoch 3: 0.600" in legend(loss)
    assert "best epoch 3: 0.750" in legend(auroc)


def test_epochs_count_from_one_and_every_value_is_drawn():
    loss, auroc = draw_history(HISTORY).axes
    drawn = {line.get_label(): line for line in loss.lines}
    np.testing.assert_array_equal(drawn["training"].get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(drawn["training"].get_ydata(), HISTORY["loss"])
    np.testing.assert_array_equal(drawn["validation"].get_ydata(), HISTORY["val_loss"])
    assert (loss.get_ylabel(), auroc.get_ylabel()) == ("loss", "AUROC")


def test_an_undefined_auroc_is_never_the_best():
    history = {"val_auroc": [float("nan"), 0.6, float("nan"), 0.7]}
    assert best_epoch(draw_history(history).axes[0]) == 4


@pytest.mark.parametrize("history", [{"loss": [1.0, 0.5]}, {"val_auroc": [float("nan")]}])
def test_without_a_validation_auroc_no_epoch_is_marked(history):
    assert best_epoch(draw_history(history).axes[0]) is None


def test_a_history_without_epochs_is_refused():
    for history in ({}, {"loss": []}):
        with pytest.raises(ParameterError, match="no epoch"):
            draw_history(history)


def test_two_runs_give_identical_bytes():
    curves = {"MI": Curve(RATES, np.sqrt(RATES), 2 / 3, (0.25, 0.5))}
    for draw, content in ((draw_roc, curves), (draw_history, HISTORY)):
        first, second = (figure_bytes(draw(content, title="one"), "svg") for _ in range(2))
        assert first == second


def test_a_precision_recall_curve_has_its_chance_its_point_and_its_interval():
    curve = Curve(RATES, 1 - RATES, 0.5, (0.4, 0.6), (0.41, 0.59), chance=0.12)
    axes = draw_precision_recall({"MI": curve}).axes[0]
    drawn = {line.get_gid(): line.get_xydata() for line in axes.lines if line.get_gid()}
    assert drawn["chance MI"][:, 1].tolist() == [0.12, 0.12]
    assert drawn["operating point MI"].tolist() == [[0.4, 0.6]]
    assert legend(axes)[0] == "MI  0.500 (0.410–0.590)"
    assert axes.get_legend().get_title().get_text() == "average precision (95 % interval)"


def test_an_interval_that_is_not_known_is_not_written():
    curve = Curve(RATES, RATES, 1.0, interval=(np.nan, np.nan))
    assert legend(draw_roc({"MI": curve}).axes[0])[0] == "MI  1.000"


def test_bands_are_drawn_for_a_few_labels_only():
    band = (RATES, RATES * 0.9, RATES)
    for labels in (3, 4):
        curves = {f"L{i}": Curve(RATES, RATES, 0.5, band=band) for i in range(labels)}
        assert len(draw_roc(curves).axes[0].collections) == (3 if labels == 3 else 0)


def test_precision_recall_refuses_what_roc_refuses():
    with pytest.raises(ParameterError, match="precision-recall curves: found no label"):
        draw_precision_recall({})


@pytest.mark.parametrize(("draw", "labels"), [(draw_roc, 12), (draw_precision_recall, 5)])
def test_a_legend_beside_the_curves_is_whole(draw, labels):
    interval = (0.94, 0.96)
    curves = {f"NSTEMI{i}": Curve(RATES, RATES, 0.95, interval=interval) for i in range(labels)}
    figure = draw(curves)
    figure.draw_without_rendering()
    box = figure.axes[0].get_legend().get_window_extent()
    assert box.x1 <= figure.bbox.x1 and box.y0 >= 0
    assert box.x0 >= figure.axes[0].get_window_extent().x1 - 1


def test_neighbouring_curves_differ_by_more_than_colour():
    curves = {f"L{i}": Curve(RATES, RATES, 0.5) for i in range(28)}
    looks = [(line.get_color(), line.get_linestyle(), line._dash_pattern)
             for line in draw_roc(curves).axes[0].lines[1:]]  # fmt: skip
    assert len({str(look) for look in looks}) == 28
    assert all(one[2] != other[2] for one, other in pairwise(looks))
