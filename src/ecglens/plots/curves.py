"""ROC and precision-recall curves, and the course of a training run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ecglens.errors import ParameterError

# Okabe and Ito's palette, without its yellow, which is too pale on white: told apart in every
# common colour blindness. Line styles tell neighbours in a grey print, and labels of one colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("solid", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
LEGEND_INSIDE = 8  # labels that leave the curves free; more of them stand beside the square
PRECISION_LEGEND_INSIDE = 3  # because poor precision runs along the lower edge
LEGEND_LETTER, LEGEND_LINE = 0.082, 0.6  # inches: of a letter at most, and of an entry's line
LEGEND_ROWS = 26  # entries that stand one above another beside the square
DPI = 130
POINT, CHANCE = "operating point", "chance (prevalence)"

BANDS_APART = 3  # curves whose bands can be told apart; of more only the areas' intervals are said


@dataclass(frozen=True)
class Curve:
    """One label's curve.

    Parameters
    ----------
    x, y : ndarray, shape (thresholds,)
        Rates in [0, 1]: false positive rate and sensitivity, or sensitivity and precision.
    area : float
        AUROC, or average precision.
    point : tuple of float, optional
        (x, y) of the operating point.
    interval : tuple of float, optional
        Of the area.
    band : tuple of ndarray, optional
        (x, low, high): the pointwise interval of y.
    chance : float, optional
        y of a classifier that knows nothing: for precision the label's share of the records.
    """

    x: np.ndarray
    y: np.ndarray
    area: float
    point: tuple[float, float] | None = None
    interval: tuple[float, float] | None = None
    band: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    chance: float | None = None


def draw_roc(curves: Mapping[str, Curve], *, title: str = "") -> Figure:
    """Draw one ROC curve a label, on a square, with its operating point and intervals.

    Parameters
    ----------
    curves : mapping of str to Curve
        For each label false positive rate against sensitivity; the area is the AUROC.
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
    _check(curves, "ROC curve")
    figure, axes = _square(curves, "AUROC", LEGEND_INSIDE)
    axes.plot([0, 1], [0, 1], color="#999999", lw=1, linestyle="dashed", label="chance  0.500")
    axes.set_xlabel("false positive rate (1 \N{MINUS SIGN} specificity)")
    axes.set_ylabel("sensitivity")
    _draw_curves(axes, curves)
    _legend(axes, curves, "AUROC", "lower right", LEGEND_INSIDE)
    axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    return figure


def draw_precision_recall(curves: Mapping[str, Curve], *, title: str = "") -> Figure:
    """Draw one precision-recall curve a label, on a square, with chance, point and intervals.

    Parameters
    ----------
    curves : mapping of str to Curve
        For each label sensitivity against precision; the area is the average precision.
    title : str, optional
        Printed above the square.

    Returns
    -------
    matplotlib.figure.Figure
        A label's chance is a short line of its own at the right, because it differs by label.

    Raises
    ------
    ParameterError
        If there is no curve, or the two rates of one differ in length.
    """
    _check(curves, "precision-recall curve")
    figure, axes = _square(curves, "average precision", PRECISION_LEGEND_INSIDE)
    axes.plot([], [], color="#666666", lw=1, linestyle="dotted", label=CHANCE)
    axes.set_xlabel("sensitivity (recall)")
    axes.set_ylabel("precision (positive predictive value)")
    _draw_curves(axes, curves, drawstyle="steps-post")
    for index, (label, curve) in enumerate(curves.items()):
        if curve.chance is not None:
            level, (colour, _) = [curve.chance] * 2, _look(index)
            axes.plot([0.9, 1], level, color=colour, ls="dotted", lw=1.5, gid=f"chance {label}")
    _legend(axes, curves, "average precision", "lower left", PRECISION_LEGEND_INSIDE)
    axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    return figure


def draw_history(
    history: Mapping[str, Sequence[float]], *, title: str = "", best_by: str = "auroc"
) -> Figure:
    """Draw the course of a training run, one panel a measure, and mark its best epoch.

    Parameters
    ----------
    history : mapping of str to sequence of float
        For each measure, such as "loss" and "auroc", its value after every epoch on the training
        records, and on the validation records under the same name after "val_".
    title : str, optional
        Printed above the panels.
    best_by : str, optional
        The measure that decided which epoch is best.

    Returns
    -------
    matplotlib.figure.Figure
        Epochs count from 1. The best epoch is the first with the greatest value of that measure on
        the validation records, or the least "val_loss"; without that column none is marked.

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
    best = _best_epoch(history.get(f"val_{best_by}", ()), least=best_by == "loss")
    for axes, measure in zip(panels, measures, strict=True):
        _draw_measure(axes, history, measure, best)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.1 / figure.get_figwidth(), ha="left")
    return figure


def _open_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, that keeps its parts from overlapping."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    return figure


def _check(curves: Mapping[str, Curve], kind: str) -> None:
    if not curves:
        raise ParameterError(f"{kind}s", "no label", "at least one label")
    for label, curve in curves.items():
        if np.shape(curve.x) != np.shape(curve.y):
            found = f"{np.shape(curve.x)} and {np.shape(curve.y)} rates"
            raise ParameterError(f"{kind} of {label}", found, "as many of one as of the other")


def _look(index: int) -> tuple[str, object]:
    """Return colour and line style of a label by its place."""
    return COLOURS[index % len(COLOURS)], STYLES[index % len(STYLES)]


def _square(curves: Mapping[str, Curve], area: str, inside: int) -> tuple[Figure, Axes]:
    """Return a figure and its square axes, with room beside for a legend of many labels."""
    words = [POINT, CHANCE, *(_entry(label, curve) for label, curve in curves.items())]
    column = LEGEND_LINE + LEGEND_LETTER * max(map(len, words))
    columns = math.ceil((len(curves) + 2) / LEGEND_ROWS)
    room = max(column * columns, LEGEND_LINE + LEGEND_LETTER * len(_head(curves, area)))
    figure = _open_figure(6.0 + room * (len(curves) > inside), 6.0)
    axes = figure.add_subplot(anchor="W")
    ticks = np.linspace(0, 1, 6)
    # Room beyond 0 and 1, where good curves run along the edge.
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), aspect="equal", xticks=ticks, yticks=ticks)
    _plain(axes)
    return figure, axes


def _draw_curves(axes: Axes, curves: Mapping[str, Curve], drawstyle: str = "default") -> None:
    """Draw curves, bands and operating points, each under its name with area and interval."""
    width = 1.5 if len(curves) <= LEGEND_INSIDE else 1.0
    for index, (label, curve) in enumerate(curves.items()):
        colour, style = _look(index)
        look = {"color": colour, "linestyle": style, "lw": width, "drawstyle": drawstyle}
        axes.plot(curve.x, curve.y, label=_entry(label, curve), **look)
        if curve.band is not None and len(curves) <= BANDS_APART:
            axes.fill_between(*curve.band, color=colour, alpha=0.15, lw=0, gid=f"band {label}")
        if curve.point is not None:
            axes.plot(*curve.point, **_marker(colour), gid=f"operating point {label}")
    if any(curve.point is not None for curve in curves.values()):
        axes.plot([], [], **_marker("#666666"), label=POINT)


def _entry(label: str, curve: Curve) -> str:
    """Return what the legend says of a label: its area and, where it is known, the interval."""
    name = f"{label}  {curve.area:.3f}"
    if curve.interval is not None and np.isfinite(curve.interval).all():
        name += " ({:.3f}\N{EN DASH}{:.3f})".format(*curve.interval)
    return name


def _head(curves: Mapping[str, Curve], area: str) -> str:
    stated = any(curve.interval is not None for curve in curves.values())
    return f"{area} (95 % interval)" if stated else area


def _legend(axes: Axes, curves: Mapping[str, Curve], area: str, corner: str, inside: int) -> None:
    """Place the legend in the emptier corner, or beside the square where it would not fit."""
    handles, names = axes.get_legend_handles_labels()
    # Chance, drawn first to lie behind, is listed last.
    entries = {"handles": handles[1:] + handles[:1], "labels": names[1:] + names[:1]}
    look = {"title": _head(curves, area), "fontsize": 9, "framealpha": 0.9, "edgecolor": "none"}
    if len(curves) <= inside:
        axes.legend(**entries, **look, loc=corner)
    else:
        columns = math.ceil((len(curves) + 2) / LEGEND_ROWS)
        beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
        axes.legend(**entries, **look, **beside, ncols=columns)


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


def _best_epoch(values: Sequence[float], *, least: bool) -> int | None:
    """Return the first epoch, from 1, of the greatest or least finite value; None without one."""
    values = np.asarray(values, np.float64) * (-1 if least else 1)
    if not np.isfinite(values).any():
        return None
    return int(np.argmax(np.where(np.isfinite(values), values, -np.inf))) + 1


def _plain(axes: Axes) -> None:
    """Take away the frame's upper and right side and draw a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
