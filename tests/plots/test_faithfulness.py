"""The benchmark's picture: a bar a method, with its interval, beside what chance gives."""

import pandas as pd
import pytest

from ecglens.errors import ParameterError
from ecglens.plots.faithfulness import draw_faithfulness
from ecglens.plots.heat import figure_bytes

PANELS = [
    ("localisation", "localisation", "high", "share"),
    ("error", "completeness error", "low", ""),
    ("absent", "not measured", "high", ""),
]


def table():
    rows = [
        ("additive", "localisation", 0.8, 0.7, 0.85),
        ("gradcam++", "localisation", 0.6, 0.5, 0.7),
        ("random", "localisation", 0.3, 0.28, 0.32),
        ("additive", "share", 0.31, 0.31, 0.31),
        ("additive", "error", 1e-6, 1e-6, 2e-6),
        ("random", "error", 1e-6, 0, 2e-6),
    ]
    return pd.DataFrame(rows, columns=["method", "measure", "value", "low", "high"])


@pytest.fixture(scope="module")
def figure():
    return draw_faithfulness(table(), PANELS, title="a title")


def test_a_measure_that_the_table_lacks_has_no_panel(figure):
    titles = [axes.get_title(loc="left").splitlines()[0] for axes in figure.axes if axes.axison]
    assert titles == ["localisation", "completeness error"]


def test_bars_have_the_values_in_the_order_of_the_table_from_above(figure):
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    assert bars == [0.3, 0.6, 0.8]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [
        "random",
        "gradcam++",
        "additive",
    ]


def test_intervals_reach_from_low_to_high(figure):
    lines = figure.axes[0].collections[0].get_segments()
    assert [(s[0][0], s[1][0]) for s in lines] == [
        pytest.approx(pair) for pair in ((0.28, 0.32), (0.5, 0.7), (0.7, 0.85))
    ]


def test_chance_is_marked_by_the_random_map_and_by_the_share_of_the_area(figure):
    marks = {line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2}
    assert {0.3, 0.31} <= {round(float(mark), 2) for mark in marks}


def test_a_measure_that_does_not_apply_to_a_method_says_so(figure):
    assert [text.get_text() for text in figure.axes[1].texts] == ["does not apply"]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_it_is_written_in_every_form(figure, kind):
    assert len(figure_bytes(figure, kind)) > 2000


def test_a_table_without_any_of_the_measures_is_refused():
    with pytest.raises(ParameterError, match="none of the measures"):
        draw_faithfulness(table(), [("absent", "", "high", "")])
