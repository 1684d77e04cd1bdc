"""The mean beat of a class, lead by lead, over what a model uses of it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from ecglens.errors import ModelError
from ecglens.plots.curves import DPI
from ecglens.plots.heat import FOR, HATCH, HATCHED_FROM, HEAT, limits, runs
from ecglens.plots.paper import TEXT_COLOUR
from ecglens.record import LEADS

ROWS, COLUMNS = 3, 4  # limb leads left, chest leads right, as on a printout of one page
SIZE = (10.5, 6.6)  # inches
PLACES = {"left": 0.06, "right": 0.885, "bottom": 0.085, "top": 0.86, "wspace": 0.06, "hspace": 0.2}
BAR = (0.91, 0.2225, 0.014, 0.5)  # of the figure: left, bottom, width, height
ROOM = 0.06  # of the signal's range, above and below it
LEAST_RANGE = 0.5  # mV; a flat mean must not look like a wave
TICK = 0.2  # s, one bold box of ECG paper


def draw_beats(
    offsets: np.ndarray,
    signal: np.ndarray,
    attribution: np.ndarray,
    *,
    spread: np.ndarray | None = None,
    title: str = "",
    subtitle: str = "",
    signed: bool = True,
    unit: str = "logit",
) -> Figure:
    """Draw a mean beat in twelve panels over the mean attribution of one label.

    Parameters
    ----------
    offsets : ndarray, shape (offsets,)
        s from the R peak, in equal steps.
    signal : ndarray, shape (offsets, 12)
        Mean beat, mV. All leads have one scale; each is drawn about its median.
    attribution : ndarray, shape (offsets, 12) or (offsets, 1)
        Logit per sample. With one column the same band is behind all leads; with twelve each lead
        has its own. Drawn as logit per second.
    spread : ndarray, shape (offsets, 12), optional
        Standard deviation of the signal over records, mV; NaN where it is not known.
    title, subtitle : str, optional
        One line each.
    signed : bool
        Whether the scale has a side against the label. Without, as for Grad-CAM, it starts at 0.
    unit : str
        Of the attribution's sum, for the colour scale.

    Returns
    -------
    matplotlib.figure.Figure
        Red for the label, blue and hatched against it, as in :func:`ecglens.plots.heat.draw_heat`.

    Raises
    ------
    ModelError
        If the shapes do not fit each other, or signal or attribution are not finite.
    """
    offsets, signal, attribution = (
        np.asarray(values, np.float64) for values in (offsets, signal, attribution)
    )
    _check(offsets, signal, attribution)
    signal = signal - np.median(signal, axis=0)
    spread = np.zeros_like(signal) if spread is None else np.nan_to_num(spread)
    step = float(offsets[1] - offsets[0])
    density = attribution / step
    colours = ScalarMappable(Normalize(*limits(density, signed)), HEAT if signed else FOR)
    figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
    panels = figure.subplots(ROWS, COLUMNS, sharex=True, sharey=True, gridspec_kw=PLACES)
    low, high = _ends(signal, spread)
    extent = (offsets[0] - step / 2, offsets[-1] + step / 2, low, high)
    for lead, axes in enumerate(panels.T.ravel()):
        column = density[:, lead if density.shape[1] > 1 else 0]
        _draw_band(axes, column, extent, colours)
        _draw_lead(axes, offsets, signal[:, lead], spread[:, lead])
        axes.set_title(LEADS[lead], fontsize=10, fontweight="bold", loc="left", pad=3)
    ticks = np.arange(np.ceil(extent[0] / TICK), np.floor(extent[1] / TICK) + 1) * TICK
    panels[0, 0].set(xlim=extent[:2], ylim=(low, high), xticks=ticks)
    for axes in panels[:, 0]:
        axes.set_ylabel("mV", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("s from R", fontsize=9)
    _draw_heading(figure, title, subtitle)
    _draw_bar(figure, colours, unit, float(np.abs(density).max()))
    return figure


def _check(offsets: np.ndarray, signal: np.ndarray, attribution: np.ndarray) -> None:
    number = len(offsets)
    fits = signal.shape == (number, len(LEADS)) and attribution.shape in (
        (number, 1),
        (number, len(LEADS)),
    )
    if number < 2 or not fits:
        found = f"a signal of shape {signal.shape} and an attribution of {attribution.shape}"
        expected = f"({number}, {len(LEADS)}), and that or ({number}, 1), for {number} offsets"
        raise ModelError("mean beat", found, f"{expected}, of at least 2")
    if not (np.isfinite(signal).all() and np.isfinite(attribution).all()):
        raise ModelError("mean beat", "values that are NaN or infinite", "finite values")


def _ends(signal: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """Return the lower and the upper end of the axis of every lead, mV."""
    low, high = float((signal - spread).min()), float((signal + spread).max())
    room = ROOM * (high - low) + max(LEAST_RANGE - (high - low), 0.0) / 2
    return low - room, high + room


def _draw_band(axes: Axes, density: np.ndarray, extent, colours: ScalarMappable) -> None:
    """Draw the attribution of one lead over the whole panel, hatched where it is against."""
    look = {"norm": colours.norm, "cmap": colours.cmap, "interpolation": "nearest", "zorder": 0}
    axes.imshow(density[np.newaxis], extent=extent, aspect="auto", **look)
    against = runs(density <= HATCHED_FROM * colours.norm.vmin, *extent)
    if colours.norm.vmin < 0 and against:
        # One outline, so that the hatch runs through.
        outline = Outline.make_compound_path(*against)
        axes.add_patch(PathPatch(outline, facecolor="none", zorder=0.1, gid="against", **HATCH))


def _draw_lead(axes: Axes, offsets: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> None:
    axes.axvline(0.0, color="#00000066", lw=0.8, linestyle="dotted", gid="R")
    if spread.any():
        # Translucent, because the heat must be seen through it; outlined, because grey over the
        # strongest heat is not.
        edges = mean - spread, mean + spread
        axes.fill_between(offsets, *edges, color="#00000030", lw=0, zorder=2, gid="spread")
        axes.plot(offsets, np.stack(edges, axis=1), color="#00000070", lw=0.5, zorder=2)
    axes.plot(offsets, mean, color="black", lw=1.3, zorder=3, gid="mean")
    axes.tick_params(labelsize=8, length=2.5, width=0.6)
    axes.spines[:].set(linewidth=0.5, color="#888888")


def _draw_heading(figure: Figure, title: str, subtitle: str) -> None:
    left = PLACES["left"]
    heads = ((0.955, title, {"size": 13, "weight": "bold"}), (0.917, subtitle, {"size": 9}))
    for height, words, look in heads:
        text = figure.text(left, height, words, color=TEXT_COLOUR, **look)
        text.set_parse_math(False)  # a label may hold dollar signs


def _draw_bar(figure: Figure, colours: ScalarMappable, unit: str, most: float) -> None:
    """Draw the colour scale at the right, with its unit and what its ends mean.

    The scale ends below the strongest values, so that they do not bleach the rest; it says how far
    these go.
    """
    bar = figure.colorbar(colours, cax=figure.add_axes(BAR))
    low, high = colours.norm.vmin, colours.norm.vmax
    ticks = {0.0: "0", high: f"{'+' if low < 0 else ''}{high:g}"}
    if low < 0:
        ticks[low] = f"\N{MINUS SIGN}{high:g}"
        (hatched,) = runs(np.array([True]), 0.0, 1.0, low, HATCHED_FROM * low)
        bar.ax.add_patch(PathPatch(hatched, facecolor="none", **HATCH))
        bar.ax.set_xlabel("against", fontsize=9, labelpad=6)
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.ax.tick_params(labelsize=8, length=2, width=0.6)
    bar.ax.set_title("for", fontsize=9, pad=8)
    beyond = f"; up to {most:.2g} in size" if float(f"{most:.2g}") > high else ""
    bar.set_label(f"{unit} per second{beyond}", fontsize=9)
    bar.outline.set_linewidth(0.6)
