"""The tracing with the heat of an explanation behind it; saving of figures.

Red speaks for the label, blue against it, white is nought. The scale is symmetric, so equal
strength is equal colour on both sides.
"""

import io
import os
import threading
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from ecglens.errors import ModelError, ParameterError, did_you_mean
from ecglens.plots.paper import (
    FOOTER_DROP,
    MARGIN,
    TEXT_COLOUR,
    GridStyle,
    Sheet,
    draw_grid,
    draw_tracings,
    open_page,
    plan_sheet,
    write_footer,
    write_line,
)
from ecglens.record import LEADS, Record

# Red and blue keep apart in every common colour blindness. Both ends stay light enough for a
# black tracing, and lightness falls with strength so that a grey print still shows where.
HEAT = LinearSegmentedColormap.from_list(
    "against and for", ["#4a95d6", "#abd0ee", "#ffffff", "#f9bcaa", "#ea644b"]
)
# Grey, because a pink line over white would read as a little evidence.
FAINT = GridStyle(paper="#ffffff", fine="#00000012", bold="#00000030")
ROBUST_PERCENTILE = 99.0  # of |attribution|: one extreme sample must not bleach the rest

# No date and no version: the same figure gives the same bytes.
METADATA = {
    "png": {"Software": "ECGLens"},
    "svg": {"Creator": "ECGLens", "Date": None},
    "pdf": {"Creator": "ECGLens", "Producer": "ECGLens", "CreationDate": None},
}
OPTIONS = {"png": {"pil_kwargs": {"compress_level": 4}}}  # a third faster, a twentieth larger
_SAVING = threading.Lock()  # Matplotlib's settings are shared by all threads


def draw_heat(
    record: Record,
    attribution: np.ndarray,
    *,
    title: str = "",
    subtitle: str = "",
    layout: str = "6x2",
) -> Figure:
    """Draw a record over the attribution of one label.

    Parameters
    ----------
    record : Record
        Signal of shape (samples, 12) in mV.
    attribution : ndarray, shape (samples,), (samples, 1) or (samples, 12)
        Logit per sample, at the record's rate. With one column the same band runs behind all
        leads; with twelve each lead has its own. Drawn as logit per second.
    title : str, optional
        Such as "NORM: probability 0.93 (threshold 0.41)".
    subtitle : str, optional
        Such as "bias -1.20 + attribution +3.79 = logit +2.59".
    layout : {"6x2", "12x1"}
        Rows by columns, as in :func:`ecglens.plots.paper.draw_paper`.

    Returns
    -------
    matplotlib.figure.Figure
        At true size in inches: 25 mm/s, 10 mm/mV.

    Raises
    ------
    ModelError
        If the attribution does not fit the record or is not finite.
    ParameterError
        If the layout is not known.
    RecordError
        If the record is too long for a page.
    """
    density = _density(record, attribution)
    heading = MARGIN + 7.0 * bool(title) + 6.0 * bool(subtitle)
    sheet = plan_sheet(record, layout, heading=heading, footing=16.0)
    colours = ScalarMappable(Normalize(*_limits(density)), HEAT)
    figure, axes = open_page(sheet)
    draw_grid(axes, sheet, FAINT)
    _draw_bands(axes, sheet, density, colours)
    draw_tracings(axes, sheet, record)
    write_line(axes, sheet, subtitle, y=sheet.top + 3.0, size=10)
    write_line(axes, sheet, title, y=sheet.top + 3.0 + 6.0 * bool(subtitle), size=13, bold=True)
    write_footer(axes, sheet, record, kept=108.0)
    _draw_colour_bar(figure, axes, sheet, colours)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of ``path``, whole or not at all.

    Two runs that draw the same give identical bytes. Missing folders are made.

    Raises
    ------
    ParameterError
        If the ending is none of .png, .svg, .pdf.
    """
    path = Path(path)
    content = figure_bytes(figure, path.suffix.removeprefix(".").lower())
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Return the content of a "png", "svg" or "pdf" file of the figure.

    Raises
    ------
    ParameterError
        If the kind is none of the three.
    """
    if kind not in METADATA:
        mend = did_you_mean(kind, METADATA)
        raise ParameterError("figure", f"the file type {kind!r}", "a type to save", mend)
    content = io.BytesIO()
    # Without a salt the SVG writer names its parts at random.
    with _SAVING, matplotlib.rc_context({"svg.hashsalt": "ecglens"}):
        figure.savefig(content, format=kind, metadata=METADATA[kind], **OPTIONS.get(kind, {}))
    return content.getvalue()


def _density(record: Record, attribution: np.ndarray) -> np.ndarray:
    """Return the attribution as logit per second, of shape (samples, 1) or (samples, 12)."""
    attribution = np.asarray(attribution)
    columns = attribution[:, np.newaxis] if attribution.ndim == 1 else attribution
    samples, source = len(record.signal), f"attribution of {record.source or record.name}"
    if columns.shape not in ((samples, 1), (samples, len(LEADS))):
        found = f"an array of shape {attribution.shape}"
        expected = f"({samples},), ({samples}, 1) or ({samples}, {len(LEADS)})"
        raise ModelError(source, found, expected, "Pass one record and one label at its rate.")
    broken = int((~np.isfinite(columns)).sum())
    if broken:
        raise ModelError(source, f"{broken} values that are NaN or infinite", "finite values")
    return columns * record.sampling_frequency


def _limits(density: np.ndarray) -> tuple[float, float]:
    """Return the ends of the colour scale, symmetric about 0, to two significant digits."""
    strength = np.abs(density)
    # Where nearly all is exactly nought the percentile is, too; the maximum then sets the scale.
    limit = float(np.percentile(strength, ROBUST_PERCENTILE)) or float(strength.max()) or 1.0
    limit = float(f"{limit:.2g}")
    return -limit, limit


def _draw_bands(axes: Axes, sheet: Sheet, density: np.ndarray, colours: ScalarMappable) -> None:
    """Draw a band behind each lead, or one behind all leads of a column of the page."""
    half_sample = sheet.length / len(density) / 2
    if density.shape[1] == 1:
        lefts = sorted({strip.left for strip in sheet.strips})
        bands = [(left, sheet.bottom, sheet.top, 0) for left in lefts]
    else:
        gap = 0.4  # mm of white, so that neighbouring leads keep apart
        bands = [(s.left, s.bottom + gap, s.top - gap, s.lead) for s in sheet.strips]
    for left, bottom, top, column in bands:
        # A sample's colour is centred on its point of the tracing.
        extent = (left - half_sample, left + sheet.length - half_sample, bottom, top)
        image = density[np.newaxis, :, column]
        axes.imshow(
            image, extent=extent, norm=colours.norm, cmap=colours.cmap, aspect="auto", zorder=1
        )
    # imshow moves the limits to its own extent.
    axes.set(xlim=(0, sheet.width), ylim=(0, sheet.height))


def _draw_colour_bar(figure: Figure, axes: Axes, sheet: Sheet, colours: ScalarMappable) -> None:
    """Draw the colour scale at the right of the footer, with its unit and what its ends mean."""
    width, height, right, bottom = 50.0, 3.0, sheet.right - 8.0, sheet.bottom - FOOTER_DROP
    frame = (
        (right - width) / sheet.width,
        bottom / sheet.height,
        width / sheet.width,
        height / sheet.height,
    )
    bar = figure.colorbar(colours, cax=figure.add_axes(frame), orientation="horizontal")
    low, high = colours.norm.vmin, colours.norm.vmax
    bar.set_ticks([low, 0, high], labels=[f"\N{MINUS SIGN}{high:g}", "0", f"+{high:g}"])
    bar.ax.tick_params(labelsize=7, length=2, width=0.6, pad=1.5)
    bar.outline.set_linewidth(0.6)
    words = {"size": 9, "color": TEXT_COLOUR}
    axes.text(right + 2, bottom, "for", **words)
    axes.text(right - width - 2, bottom, "logit per second      against", ha="right", **words)
