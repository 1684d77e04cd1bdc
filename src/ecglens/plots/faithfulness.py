"""The benchmark of explanations as bars with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecglens.errors import ParameterError
from ecglens.plots.curves import COLOURS, DPI

RANDOM = "random"
PANELS = 4  # beside each other

# A panel: a measure of the table, its title, "high", "low" or "" for what is better, and the
# measure of the evidence's share that is chance for it, or "".
Panel = tuple[str, str, str, str]


def draw_faithfulness(table: pd.DataFrame, panels: Sequence[Panel], *, title: str = "") -> Figure:
    """Draw one panel a measure, one bar a method, with its interval and what chance gives.

    Parameters
    ----------
    table : DataFrame
        One row a method and measure: ``method``, ``measure``, ``value``, ``low``, ``high``.
    panels : sequence of tuple
        (measure, title, better, chance); a measure that the table lacks is left out.
    title : str, optional
        Printed above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        The random map's value is a dashed line, the evidence's share of the area a dotted one.

    Raises
    ------
    ParameterError
        If the table has none of the measures.
    """
    shown = [panel for panel in panels if (table.measure == panel[0]).any()]
    if not shown:
        expected = ", ".join(panel[0] for panel in panels)
        raise ParameterError("faithfulness", "none of the measures", expected)
    methods = list(table.method.unique())[::-1]
    rows = -(-len(shown) // PANELS)
    columns = min(PANELS, len(shown))
    size = (1.6 + 3.1 * columns, rows * (1.1 + 0.27 * len(methods)) + 0.7)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for place, panel in zip(axes, shown, strict=False):
        _draw_panel(place, table, methods, panel)
    for place in axes[len(shown) :]:
        place.set_axis_off()
    figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    _legend(figure, any(panel[3] for panel in shown))
    return figure


def _draw_panel(axes: Axes, table: pd.DataFrame, methods: list[str], panel: Panel) -> None:
    measure, title, better, chance = panel
    own = table[table.measure == measure].set_index("method").reindex(methods)
    values, places = own.value.to_numpy(float), np.arange(len(methods))
    around = np.abs(own[["low", "high"]].to_numpy(float).T - values)
    colours = ["#b0b0b0" if method == RANDOM else COLOURS[0] for method in methods]
    axes.barh(places, values, color=colours, height=0.68)
    axes.errorbar(
        values, places, xerr=around, fmt="none", ecolor="#222222", elinewidth=1, capsize=2
    )
    if RANDOM in methods and np.isfinite(own.value[RANDOM]):
        axes.axvline(own.value[RANDOM], color="#555555", lw=1, linestyle="dashed")
    share = table[table.measure == chance]
    if len(share):
        axes.axvline(share.value.mean(), color=COLOURS[1], lw=1.4, linestyle="dotted")
    for place in places[np.isnan(values)]:
        axes.text(0.02, place, "does not apply", fontsize=6.5, color="#777777", va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    arrow = {"high": "  (high is good)", "low": "  (low is good)", "": ""}[better]
    axes.set_title(f"{title}\n{arrow.strip()}", fontsize=8.5, loc="left")
    axes.set_yticks(places, methods, fontsize=8)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def _legend(figure: Figure, share: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color="#555555", lw=1, linestyle="dashed", label="a random map")]
    if share:
        name = "the evidence's share of the area: a uniform map"
        entries.append(Line2D([], [], color=COLOURS[1], lw=1.4, linestyle="dotted", label=name))
    figure.legend(handles=entries, loc="outside lower left", ncols=2, fontsize=8, frameon=False)
