"""Where and in which lead the evidence is: the matrix of segments, and the bars of waves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ecglens.errors import ModelError, ParameterError
from ecglens.plots.heat import HEAT
from ecglens.record import LEADS

DPI = 130
AGAINST_HATCH = "////"
# Of P, QRS, T and the rest, in that order; further waves take them again. Told apart in every
# common colour blindness and, by their lightness, in a grey print; light enough for a hatch.
WAVE_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#dddddd", "#CC79A7")


def draw_segments(
    shares: np.ndarray,
    *,
    window: float,
    stride: float | None = None,
    top: int = 5,
    title: str = "",
    unit: str = "logit",
) -> Figure:
    """Draw the attribution of each lead and window as a matrix, its strongest cells numbered.

    Parameters
    ----------
    shares : ndarray, shape (12 or 1, windows)
        Attribution summed over each lead and window, or over all leads.
    window, stride : float
        Length of a window and from one to the next, in s; without a stride they adjoin.
    top : int
        How many of the cells that are strongest, for or against, are framed and numbered.
    title : str, optional
    unit : str
        Of the shares.

    Returns
    -------
    matplotlib.figure.Figure
        Red for the label, blue and hatched against it; at the right each lead's sum.

    Raises
    ------
    ModelError
        If the shares have another shape or are not finite.
    ParameterError
        If a length is not above 0 or ``top`` is negative.
    """
    shares = _checked_matrix(shares)
    stride = window if stride is None else stride
    if not (window > 0 and stride > 0 and top >= 0):
        found = f"window {window}, stride {stride}, top {top}"
        raise ParameterError("segments", found, "lengths in s above 0, and a count")
    rows, windows = shares.shape
    width = min(max(6.0, 0.28 * windows + 3.0), 16.0)
    figure = Figure(figsize=(width, 1.6 + 0.27 * rows), dpi=DPI, layout="constrained")
    matrix, sums = figure.subplots(1, 2, sharey=True, width_ratios=(width - 2.5, 1.5))
    limit = float(np.abs(shares).max()) or 1.0
    norm = Normalize(-limit, limit)
    edges = np.arange(windows + 1) * stride
    extent = (0.0, edges[-1], rows - 0.5, -0.5)
    image = matrix.imshow(shares, norm=norm, cmap=HEAT, aspect="auto", extent=extent)
    _hatch_against(matrix, shares, stride, limit)
    _number_top(matrix, shares, stride, top)
    names = LEADS if rows == len(LEADS) else ("all leads",)
    matrix.set_yticks(range(rows), names)
    matrix.set_xlabel(f"start of each window of {1000 * window:.0f} ms, in s")
    matrix.set_title(title, fontsize=12, fontweight="bold", loc="left")
    _draw_sums(sums, shares.sum(axis=1), unit)
    figure.colorbar(image, ax=sums, label=f"{unit} per cell", pad=0.08)
    return figure


def segment_sums(attribution: np.ndarray, sampling_frequency: float, window: float) -> np.ndarray:
    """Return a map summed over windows that adjoin, as :func:`draw_segments` takes it.

    Parameters
    ----------
    attribution : ndarray, shape (samples, 12 or 1)
    sampling_frequency : float
        Hz.
    window : float
        s; rounded to whole samples. What is left at the end is a shorter window, so that the sums
        still add up to the map's.

    Returns
    -------
    ndarray of float64, shape (12 or 1, windows)

    Raises
    ------
    ParameterError
        If the window is shorter than a sample.
    """
    length = round(window * sampling_frequency)
    if length < 1:
        found = f"{window} s at {sampling_frequency:g} Hz"
        raise ParameterError("window", found, "at least one sample")
    starts = np.arange(0, len(attribution), length)
    return np.add.reduceat(np.asarray(attribution, np.float64), starts, axis=0).T


def draw_waves(
    shares: Mapping[str, Sequence[float]], *, title: str = "", unit: str = "logit"
) -> Figure:
    """Draw how much of a label each wave of each lead gives, as stacked bars.

    Parameters
    ----------
    shares : mapping of str to sequence of float, of shape (12,) or (1,)
        For each wave, such as "P", "QRS", "T" and "rest", its signed share in each lead, or over
        all leads.
    title : str, optional
    unit : str
        Of the shares.

    Returns
    -------
    matplotlib.figure.Figure
        What speaks for the label stands up, what speaks against it hangs down and is hatched. The
        legend gives each wave's part of all that speaks for the label.

    Raises
    ------
    ModelError
        If the shares have another shape or are not finite.
    ParameterError
        If there is no wave.
    """
    if not shares:
        raise ParameterError("waves", "none", "at least one wave")
    table = np.stack([_checked_row(wave, row) for wave, row in shares.items()])
    names = LEADS if table.shape[1] == len(LEADS) else ("all leads",)
    size = (max(4.0, 0.6 * len(names) + 2) + 1.8, 4.2)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    up, down = np.zeros(len(names)), np.zeros(len(names))
    total = np.clip(table, 0, None).sum() or 1.0
    for index, (wave, row) in enumerate(zip(shares, table, strict=True)):
        rising, falling = np.clip(row, 0, None), np.clip(row, None, 0)
        said = f"{wave}  {100 * rising.sum() / total:.0f} %"
        look = {"color": WAVE_COLOURS[index % len(WAVE_COLOURS)], "edgecolor": "white", "lw": 0.4}
        axes.bar(names, rising, bottom=up, label=said, **look)
        against = {**look, "edgecolor": "#333333", "lw": 0.0, "hatch": AGAINST_HATCH}
        axes.bar(names, falling, bottom=down, **against)
        up, down = up + rising, down + falling
    axes.axhline(0, color="black", lw=0.8)
    axes.set_ylabel(f"{unit}: for (up), against (down, hatched)")
    # Beside the bars, which may stand anywhere.
    figure.legend(title="share of all for", fontsize=9, loc="outside right upper", frameon=False)
    axes.set_title(title, fontsize=12, fontweight="bold", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _checked_matrix(shares: np.ndarray) -> np.ndarray:
    shares = np.asarray(shares, np.float64)
    if shares.ndim != 2 or shares.shape[0] not in (1, len(LEADS)) or not shares.shape[1]:
        raise ModelError("segments", f"an array of shape {shares.shape}", "(12 or 1, windows)")
    if not np.isfinite(shares).all():
        raise ModelError("segments", "values that are NaN or infinite", "finite values")
    return shares


def _checked_row(wave: str, row: Sequence[float]) -> np.ndarray:
    row = np.asarray(row, np.float64)
    if row.shape not in ((1,), (len(LEADS),)):
        raise ModelError(f"wave {wave}", f"an array of shape {row.shape}", "a share a lead: (12,)")
    if not np.isfinite(row).all():
        raise ModelError(f"wave {wave}", "values that are NaN or infinite", "finite values")
    return row


def _hatch_against(axes: Axes, shares: np.ndarray, stride: float, limit: float) -> None:
    """Hatch the cells that speak against the label, so that a grey print tells them."""
    look = {"fill": False, "lw": 0, "edgecolor": "#2b5f94", "hatch": AGAINST_HATCH}
    for row, column in np.argwhere(shares <= -0.2 * limit):
        corner = (column * stride, row - 0.5)
        axes.add_patch(Rectangle(corner, stride, 1.0, hatch_linewidth=0.5, gid="against", **look))


def _number_top(axes: Axes, shares: np.ndarray, stride: float, top: int) -> None:
    """Frame and number the strongest cells, the strongest first."""
    order = np.argsort(-np.abs(shares), axis=None, kind="stable")[:top]
    for rank, place in enumerate(order, start=1):
        row, column = np.unravel_index(place, shares.shape)
        if shares[row, column] == 0:
            break
        frame = Rectangle((column * stride, row - 0.5), stride, 1.0, fill=False, lw=1.6, zorder=3)
        axes.add_patch(frame).set_gid("top")
        words = {"ha": "center", "va": "center", "size": 8, "weight": "bold", "zorder": 4}
        back = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        axes.text((column + 0.5) * stride, row, str(rank), bbox=back, **words)


def _draw_sums(axes: Axes, sums: np.ndarray, unit: str) -> None:
    """Draw each lead's sum beside its row."""
    colours = [HEAT(1.0) if value >= 0 else HEAT(0.0) for value in sums]
    bars = axes.barh(range(len(sums)), sums, color=colours, height=0.7)
    for bar, value in zip(bars, sums, strict=True):
        if value < 0:
            bar.set(hatch=AGAINST_HATCH, edgecolor="#2b5f94", linewidth=0)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlabel(f"{'sum' if len(sums) == 1 else 'sum of each lead'}, {unit}", fontsize=9)
    axes.tick_params(labelsize=8, left=False, labelleft=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
