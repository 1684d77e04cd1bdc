"""The tracing with the heat of an explanation behind it; saving of figures.

Red speaks for the label, blue against it, white is nought. The scale is symmetric, so equal
strength is equal colour on both sides, and equal grey in a grey print: there the hatch tells what
speaks against.
"""

import io
import os
import threading
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.transforms import IdentityTransform
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ecglens.errors import ModelError, ParameterError, did_you_mean
from ecglens.plots.layout import MARGIN, Sheet, plan_sheet
from ecglens.plots.paper import (
    DPI,
    FOOTER_DROP,
    MM_PER_INCH,
    TEXT_COLOUR,
    GridStyle,
    draw_grid,
    draw_tracings,
    open_page,
    write_footer,
    write_heading,
)
from ecglens.record import LEADS, Record

# Red and blue keep apart in every common colour blindness. Both ends stay light enough for a
# black tracing, and lightness falls with strength so that a grey print still shows where.
# An odd number of colours has white in its middle.
HEAT = LinearSegmentedColormap.from_list(
    "against and for", ["#4a95d6", "#abd0ee", "#ffffff", "#f9bcaa", "#ea644b"], N=257
)
# Of a map without a sign: the same red, and its strength.
FOR = LinearSegmentedColormap.from_list("for", ["#ffffff", "#f9bcaa", "#ea644b"])
# Grey, because a pink line over white would read as a little evidence.
FAINT = GridStyle(paper="#ffffff", fine="#00000012", bold="#00000030")
ROBUST_PERCENTILE = 99.0  # of |attribution|: one extreme sample must not bleach the rest
HATCHED_FROM = 0.2  # of the scale's end; what speaks against a label more weakly is near white
HATCH = {"hatch": "////", "edgecolor": "#2b5f94", "hatch_linewidth": 0.5, "linewidth": 0}

# No date and no version: the same figure gives the same bytes.
METADATA = {
    "png": {"Software": "ECGLens"},
    "svg": {"Creator": "ECGLens", "Date": None},
    "pdf": {"Creator": "ECGLens", "Producer": "ECGLens", "CreationDate": None},
}
PNG_EFFORT = 1  # of 9: half the time, a sixth larger
_SAVING = threading.Lock()  # Matplotlib's settings are shared by all threads


def draw_heat(
    record: Record,
    attribution: np.ndarray,
    *,
    title: str = "",
    subtitle: str = "",
    layout: str = "6x2",
    signed: bool = True,
    unit: str = "logit",
    speed: float | None = None,
    gain: float | None = None,
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
        Such as "bias -1.20 + attribution +3.79 = logit +2.59"; it may have several lines.
    layout : str
        "6x2", "12x1", "3x4" or a lead's name, as in :func:`ecglens.plots.paper.draw_paper`. Where
        a layout hides a part of an attribution by lead, the page says how much it shows.
    signed : bool
        Whether the scale has a side against the label. Without, as for Grad-CAM, it starts at 0.
    unit : str
        Of the attribution's sum, for the colour scale.
    speed, gain : float, optional
        mm/s and mm/mV, as in :func:`ecglens.plots.paper.draw_paper`.

    Returns
    -------
    matplotlib.figure.Figure
        At true size in inches: 25 mm/s, 10 mm/mV.

    Raises
    ------
    ModelError
        If the attribution does not fit the record, is not finite, or is negative though not signed.
    ParameterError
        If the layout is not known, or speed or gain is not above 0.
    RecordError
        If the record is too long for a page.
    """
    density = _density(record, attribution, signed)
    lines = [line for line in subtitle.split("\n") if line.strip()]
    said = _says_what_is_not_seen(density, record, layout)
    lines += [said] if said else []
    heading = MARGIN + 7.0 * bool(title) + 6.0 * len(lines)
    sheet = plan_sheet(record, layout, heading=heading, footing=16.0, speed=speed, gain=gain)
    colours = ScalarMappable(Normalize(*limits(density, signed)), HEAT if signed else FOR)
    figure, axes = open_page(sheet)
    draw_grid(axes, sheet, FAINT)
    _draw_bands(axes, sheet, density, colours)
    draw_tracings(axes, sheet, record)
    write_heading(axes, sheet, title, lines)
    write_footer(axes, sheet, record, kept=108.0)
    _draw_colour_bar(figure, axes, sheet, colours, unit)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of ``path``, whole or not at all.

    Two runs that draw the same give identical bytes. Missing folders are made.

    Raises
    ------
    ParameterError
        If the ending is none of .png, .svg, .pdf, or there is no writing to that place.
    """
    path = Path(path)
    content = figure_bytes(figure, find_kind(path))
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        found = f"no writing to it: {error.strerror or error}"
        raise ParameterError(str(path), found, "a place for a picture") from error


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Return the content of a "png", "svg" or "pdf" file of the figure.

    Raises
    ------
    ParameterError
        If the kind is none of the three.
    """
    _check_kind("figure", kind)
    content = io.BytesIO()
    # Without a salt the SVG writer names its parts at random.
    with _SAVING, matplotlib.rc_context({"svg.hashsalt": "ecglens"}):
        if kind == "png":
            _write_png(figure, content)
        else:
            figure.savefig(content, format=kind, metadata=METADATA[kind])
    return content.getvalue()


def _write_png(figure: Figure, content: io.BytesIO) -> None:
    """Write a PNG without transparency: an eighth smaller, and a fifth less time to compress."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    about = PngInfo()
    for name, words in METADATA["png"].items():
        about.add_text(name, words)
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    dpi = (figure.dpi, figure.dpi)
    picture.save(content, "png", compress_level=PNG_EFFORT, pnginfo=about, dpi=dpi)


def find_kind(path: str | Path) -> str:
    """Return the type of picture that a file's name ends in: "png", "svg" or "pdf".

    Raises
    ------
    ParameterError
        If it ends in none of them.
    """
    kind = Path(path).suffix.removeprefix(".").lower()
    _check_kind(str(path), kind)
    return kind


def _check_kind(source: str, kind: str) -> None:
    if kind not in METADATA:
        mend = did_you_mean(kind, METADATA)
        raise ParameterError(source, f"the file type {kind!r}", "a type to save", mend)


def _density(record: Record, attribution: np.ndarray, signed: bool) -> np.ndarray:
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
    if not signed and columns.min() < 0:
        found = f"{int((columns < 0).sum())} values below 0"
        raise ModelError(source, found, "none in a map without a sign", "Draw it with signed=True.")
    return columns * record.sampling_frequency


def limits(density: np.ndarray, signed: bool) -> tuple[float, float]:
    """Return the ends of the colour scale of any values, to two significant digits."""
    strength = np.abs(density)
    # Where nearly all is exactly nought the percentile is, too; the maximum then sets the scale.
    limit = float(np.percentile(strength, ROBUST_PERCENTILE)) or float(strength.max()) or 1.0
    limit = float(f"{limit:.2g}")
    return (-limit if signed else 0.0), limit


def _says_what_is_not_seen(density: np.ndarray, record: Record, layout: str) -> str:
    """Return that a map is empty, or which part of one by lead a layout shows, or nothing."""
    strength = np.abs(density)
    if not strength.any():
        return "The attribution is nought everywhere."
    shown = np.zeros((len(density), len(LEADS)), bool)
    for strip in plan_sheet(record, layout, heading=0.0, footing=0.0).strips:
        shown[strip.start : strip.stop, strip.lead] = True
    if density.shape[1] == 1 or shown.all():
        return ""
    share = float(strength[shown].sum() / strength.sum())
    return f"This layout shows {100 * share:.0f} % of the attribution, in absolute terms."


class _Band(AxesImage):
    """A row of colours, each a column of the band.

    As ``imshow`` draws it, but ten times as fast: that resamples in both directions what here is
    the same from top to bottom.
    """

    def make_image(self, renderer, magnification=1.0, unsampled=False):
        """Return the pixels (height, width, 4), and where they go, for Matplotlib."""
        left, right, bottom, top = self.get_extent()
        corners = self.axes.transData.transform([(left, bottom), (right, top)])
        (x0, y0), (x1, y1) = (corners * magnification).round().astype(int)
        colours = self.get_array()
        width = max(x1 - x0, 1)
        column = np.arange(width) * colours.shape[1] // width
        pixels = np.repeat(colours[:, column], max(y1 - y0, 1), axis=0)
        return pixels, x0 / magnification, y0 / magnification, IdentityTransform()


def _draw_bands(axes: Axes, sheet: Sheet, density: np.ndarray, colours: ScalarMappable) -> None:
    """Draw a band behind each lead, or one behind all leads that show the same time."""
    against = []
    for column, start, stop, left, bottom, top in _bands(sheet, density.shape[1]):
        # A sample's colour is centred on its point of the tracing.
        left -= sheet.sample / 2
        extent = (left, left + (stop - start) * sheet.sample, bottom, top)
        image = density[np.newaxis, start:stop, column]
        band = _Band(axes, norm=colours.norm, extent=extent, zorder=1)
        # Colours once a column: much faster than once a pixel.
        band.set_data(colours.to_rgba(_by_pixel(image, extent[1] - left), bytes=True))
        axes.add_image(band)
        against += runs(image[0] <= HATCHED_FROM * colours.norm.vmin, *extent)
    if colours.norm.vmin < 0 and against:
        # One outline for all, so that the hatch runs through and is drawn once.
        outline = Outline.make_compound_path(*against)
        axes.add_patch(PathPatch(outline, facecolor="none", zorder=1.1, gid="against", **HATCH))


def _by_pixel(image: np.ndarray, width: float) -> np.ndarray:
    """Return the means (1, columns) of as many samples (1, samples) as fall on a printed pixel.

    ``width`` is in mm. A rate below the pixels' is left as it is.
    """
    columns = max(1, round(width * DPI / MM_PER_INCH))
    samples = image.shape[1]
    if samples <= columns:
        return image
    total = np.concatenate([[0.0], np.cumsum(image[0], dtype=np.float64)])
    edges = np.linspace(0, samples, columns + 1)
    return (np.diff(np.interp(edges, np.arange(samples + 1), total)) * columns / samples)[None]


def _bands(sheet: Sheet, columns: int):
    """Yield column, samples and left, bottom, top in mm of each band."""
    if columns > 1:
        gap = 0.4  # mm of white, so that neighbouring leads keep apart
        for s in sheet.strips:
            yield s.lead, s.start, s.stop, s.left, s.bottom + gap, s.top - gap
        return
    parts: dict[tuple, list] = {}
    for strip in sheet.strips:
        parts.setdefault((strip.start, strip.stop, strip.left), []).append(strip)
    for (start, stop, left), strips in parts.items():
        bottom, top = min(s.bottom for s in strips), max(s.top for s in strips)
        # The last row's rounding up to whole boxes, too.
        yield 0, start, stop, left, bottom, top


def runs(where: np.ndarray, left: float, right: float, bottom: float, top: float) -> list[Outline]:
    """Return the rectangles of a band, from its edges, in which ``where`` (samples,) holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(np.int8), [0]])))
    x = left + edges.reshape(-1, 2) * (right - left) / len(where)
    corners = ((0, bottom), (1, bottom), (1, top), (0, top), (0, bottom))
    return [Outline([(run[i], y) for i, y in corners], closed=True) for run in x]


def _draw_colour_bar(
    figure: Figure, axes: Axes, sheet: Sheet, colours: ScalarMappable, unit: str
) -> None:
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
    ticks = {low: f"\N{MINUS SIGN}{high:g}", 0.0: "0", high: f"+{high:g}"}
    if low == 0.0:
        ticks = {0.0: "0", high: f"{high:g}"}
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.ax.tick_params(labelsize=7, length=2, width=0.6, pad=1.5)
    bar.outline.set_linewidth(0.6)
    words = {"size": 9, "color": TEXT_COLOUR}
    if low < 0:
        (hatched,) = runs(np.array([True]), low, HATCHED_FROM * low, 0.0, 1.0)
        bar.ax.add_patch(PathPatch(hatched, facecolor="none", **HATCH))
    said = f"{unit} per second" + ("      against" if low < 0 else "")
    axes.text(right + 2, bottom, "for", **words)
    axes.text(right - width - 2, bottom, said, ha="right", **words)
