"""Whether probabilities mean what they say: reliability diagrams."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecglens.errors import ParameterError

COLUMNS = 4  # panels beside one another
PANEL = 2.9  # inches
LINE, BAR = "#0072B2", "#9cc4e0"


@dataclass(frozen=True)
class Reliability:
    """One label's predicted and observed frequencies, a value a bin that holds a record.

    Parameters
    ----------
    predicted, observed : ndarray, shape (bins,)
        Mean probability, and share of positive records.
    low, high : ndarray, shape (bins,)
        Interval of the observed share.
    records : ndarray of int, shape (bins,)
    error : float
        Expected calibration error: the mean over records of |predicted - observed|.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    records: np.ndarray
    error: float


def draw_reliability(labels: Mapping[str, Reliability], *, title: str = "") -> Figure:
    """Draw a reliability diagram a label: predicted against observed, with intervals and counts.

    Parameters
    ----------
    labels : mapping of str to Reliability
    title : str, optional
        Printed above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        A point a bin with the interval of its observed share; the bars show, on a scale of their
        own, how many records each bin holds.

    Raises
    ------
    ParameterError
        If there is no label.
    """
    if not labels:
        raise ParameterError("reliability diagrams", "no label", "at least one label")
    columns = min(COLUMNS, len(labels))
    rows = -(-len(labels) // columns)
    size = (max(PANEL * columns, 4.5), PANEL * rows + 0.7)
    figure = Figure(figsize=size, dpi=130, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(labels) :]:
        axes.set_visible(False)
    for axes, (label, reliability) in zip(panels.flat, labels.items(), strict=False):
        _draw_label(axes, label, reliability)
    for axes in panels.flat[max(0, len(labels) - columns) : len(labels)]:
        axes.tick_params(labelbottom=True)  # where no panel stands below
    figure.supxlabel("predicted probability (bars: records in each bin)", fontsize=10)
    figure.supylabel("observed share (95 % interval)", fontsize=10)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    return figure


def _draw_label(axes: Axes, label: str, reliability: Reliability) -> None:
    x, y = reliability.predicted, reliability.observed
    share = reliability.records / reliability.records.sum()
    axes.bar(x, 0.25 * share / share.max(), width=0.04, color=BAR, zorder=1, gid="records")
    axes.plot([0, 1], [0, 1], color="#999999", lw=1, ls="dashed")
    # Rounding must not make a length negative.
    reach = np.maximum([y - reliability.low, reliability.high - y], 0)
    axes.errorbar(x, y, reach, fmt="o-", color=LINE, ms=4, lw=1, elinewidth=1, capsize=2)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.set_title(f"{label}: error {reliability.error:.3f}", fontsize=9, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
