"""ROC curves and the course of a training run."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ecglens.errors import ParameterError

# Okabe and Ito's palette, without its yellow, which is too pale on white: told apart in every
# common colour blindness. Line styles tell the labels beyond the seventh.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("solid", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
LEGEND_INSIDE = 8  # labels that leave the curves free; more of them stand beside the square
LEGEND_ROWS = 26  # entries that stand one above another beside the square
DPI = 130

# For each label: false positive rates, sensitivities, AUROC, and the operating point (false
# positive rate, sensitivity) or None.
Curve = tuple[np.ndarray, np.ndarray, float, tuple[float, float] | None]


def draw_roc(curves: Mapping[str, Curve], *, title: str = "") -> Figure:
    """Draw one ROC curve a label, on a square, with its operating point.

    Parameters
    ----------
    curves : mapping of str to tuple
        For each label (false_positive_rate, sensitivity, auroc, operating_point): two ndarrays of
        shape (thresholds,), a number, and (false_positive_rate, sensitivity) or None. Rates are
        in [0, 1].
    title : str, optional
        Printed above the square.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ParameterError
        If there is no curve, or the two rates of one differ in length.
    """
    if not curves:
        raise ParameterError("ROC curves", "no label", "at least one label")
    figure, axes = _roc_square(len(curves))
    width = 1.5 if len(curves) <= LEGEND_INSIDE else 1.0
    for index, (label, (false_positive, sensitivity, auroc, point)) in enumerate(curves.items()):
        if np.shape(false_positive) != np.shape(sensitivity):
            found = f"{np.shape(false_positive)} and {np.shape(sensitivity)} rates"
            raise ParameterError(f"ROC curve of {label}", found, "as many of one as of the other")
        colour = COLOURS[index % len(COLOURS)]
        style = STYLES[index // len(COLOURS) % len(STYLES)]
        name = f"{label}  {auroc:.3f}"
        axes.plot(false_positive, sensitivity, color=colour, linestyle=style, lw=width, label=name)
        if point is not None:
            axes.plot(*point, **_marker(colour), gid=f"operating point {label}")
    if any(point is not None for *_, point in curves.values()):
        axes.plot([], [], **_marker("#666666"), label="operating point")
    _roc_legend(axes, len(curves))
    axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    return figure


def draw_history(history: Mapping[str, Sequence[float]], *, title: str = "") -> Figure:
    """Draw the course of a training run, one panel a measure, and mark its best epoch.

    Parameters
    ----------
    history : mapping of str to sequence of float
        For each measure, such as "loss" and "auroc", its value after every epoch on the training
        records, and on the validation records under the same name after "val_".
    title : str, optional
        Printed above the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Epochs count from 1. The best epoch is the first with the greatest "val_auroc"; without
        that column none is marked.

    Raises
    ------
    ParameterError
        If the history has no epoch.
    """
    if not any(len(values) for values in history.values()):
        raise ParameterError("training history", "no epoch", "at least one epoch")
    measures = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    figure = _open_figure(4.6 * len(measures), 3.8)
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    best = _best_epoch(history.get("val_auroc", ()))
    for axes, measure in zip(panels, measures, strict=True):
        _draw_measure(axes, history, measure, best)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.1 / figure.get_figwidth(), ha="left")
    return figure


def _open_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, that keeps its parts from overlapping."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    return figure


def _roc_square(labels: int) -> tuple[Figure, Axes]:
    """Return a figure and its square axes, with the chance diagonal."""
    beside = labels > LEGEND_INSIDE
    columns = math.ceil((labels + 2) / LEGEND_ROWS) if beside else 0
    figure = _open_figure(6.0 + 1.6 * columns, 6.0)
    axes = figure.add_subplot(anchor="W")
    axes.plot([0, 1], [0, 1], color="#999999", lw=1, linestyle="dashed", label="chance  0.500")
    ticks = np.linspace(0, 1, 6)
    # Room beyond 0 and 1, where good curves run along the edge.
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), aspect="equal", xticks=ticks, yticks=ticks)
    axes.set_xlabel("false positive rate (1 \N{MINUS SIGN} specificity)")
    axes.set_ylabel("sensitivity")
    _plain(axes)
    return figure, axes


def _roc_legend(axes: Axes, labels: int) -> None:
    """Place the legend in the empty corner, or beside the square where it would not fit."""
    handles, names = axes.get_legend_handles_labels()
    # Chance, drawn first to lie behind, is listed last.
    entries = {"handles": handles[1:] + handles[:1], "labels": names[1:] + names[:1]}
    look = {"title": "AUROC", "fontsize": 9, "framealpha": 0.9, "edgecolor": "none"}
    if labels <= LEGEND_INSIDE:
        axes.legend(**entries, **look, loc="lower right")
    else:
        columns = math.ceil((labels + 2) / LEGEND_ROWS)
        corner = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
        axes.legend(**entries, **look, **corner, ncols=columns)


def _marker(colour: str) -> dict[str, object]:
    """Return the look of an operating point."""
    return {
        "color": colour,
        "marker": "o",
        "markersize": 7,
        "markeredgecolor": "white",
        "linestyle": "none",
        "zorder": 5,
    }


def _draw_measure(
    axes: Axes, history: Mapping[str, Sequence[float]], measure: str, best: int | None
) -> None:
    """Draw one measure on training and validation records, and the best epoch."""
    looks = {
        measure: ("training", COLOURS[0], "dashed"),
        f"val_{measure}": ("validation", COLOURS[1], "solid"),
    }
    for column, (name, colour, style) in looks.items():
        values = history.get(column, ())
        if len(values):
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, color=colour, linestyle=style, marker=".", label=name)
    if best is not None:
        _mark_best(axes, best, history.get(f"val_{measure}", ()))
    axes.set(xlabel="epoch", ylabel="AUROC" if measure == "auroc" else measure.replace("_", " "))
    epochs = max(len(values) for values in history.values())
    axes.set_xlim(0.5, epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.legend(fontsize=9, framealpha=0.9, edgecolor="none")
    _plain(axes)


def _mark_best(axes: Axes, best: int, validation: Sequence[float]) -> None:
    """Mark the best epoch by a line, and by a point on the validation curve where there is one."""
    name = f"best epoch {best}"
    axes.axvline(best, color="#666666", lw=1, linestyle="dotted", gid="best epoch")
    if len(validation) >= best:
        value = validation[best - 1]
        axes.plot([best], [value], **_marker("#000000"), label=f"{name}: {value:.3f}")


def _best_epoch(values: Sequence[float]) -> int | None:
    """Return the first epoch, from 1, of the greatest finite value; None where there is none."""
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).any():
        return None
    return int(np.argmax(np.where(np.isfinite(values), values, -np.inf))) + 1


def _plain(axes: Axes) -> None:
    """Take away the frame's upper and right side and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
