"""The clinical 12-lead tracing on ECG paper, at true scale.

A page is one axes whose unit is the millimetre: 25 mm are a second and 10 mm a millivolt on any
printer that does not scale, and every other distance on the page is a plain sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from ecglens.plots.layout import (
    MARGIN,
    OVERRUN,
    PULSE_GUTTER,
    STANDARD_GAIN,
    Sheet,
    Strip,
    about_median,
    plan_sheet,
    pulse_width,
)
from ecglens.plots.notes import GAP_SHOWN, draw_gaps, lead_notes
from ecglens.record import LEADS, Record

MM_PER_INCH = 25.4
DPI = 127  # 5 pixels a millimetre: every grid line falls on a whole pixel

FOOTER_DROP = 9.5  # mm, from the grid down to the last line's letters
SCALE_WIDTH = 58.0  # mm, for speed, gain and rate on that line
ODD_SCALE_WIDTH = 74.0  # mm, for them where the gain is not the usual one, which is then said

TRACE_COLOUR, TEXT_COLOUR = "black", "#333333"


@dataclass(frozen=True)
class GridStyle:
    """Colours of the paper, its 1 mm lines and its 5 mm lines."""

    paper: str
    fine: str
    bold: str


PINK = GridStyle(paper="#fffafa", fine="#f8d3d3", bold="#eaa0a0")


def draw_paper(
    record: Record,
    *,
    layout: str = "6x2",
    title: str = "",
    speed: float | None = None,
    gain: float | None = None,
) -> Figure:
    """Draw a record on ECG paper at 25 mm/s and 10 mm/mV.

    The grid has fine lines every 1 mm (40 ms, 0.1 mV) and bold lines every 5 mm. Each lead is
    drawn about its median. Missing samples are gaps, and what is wrong with a lead is written
    beside it. A row is as high as its tracings. Where those are too large for 10 mm/mV the whole
    page has a smaller gain; where a record is too long for 25 mm/s it has a slower speed; the
    footer and the calibration pulse state both. What an artefact exceeds is cut, and so noted.

    Parameters
    ----------
    record : Record
        Signal of shape (samples, 12) in mV, any rate in Hz.
    layout : str
        Rows by columns. "6x2" has the limb leads left and the chest leads right, "12x1" one lead
        below another, each whole. "3x4" is the printout of one page: each column the next quarter
        of the record, and lead II whole below. A lead's name draws that lead alone.
    title : str, optional
        Printed above the grid; lines after its first are smaller.
    speed, gain : float, optional
        mm/s and mm/mV, in place of those that fit.

    Returns
    -------
    matplotlib.figure.Figure
        At true size in inches.

    Raises
    ------
    ParameterError
        If the layout is not known, or speed or gain is not above 0.
    RecordError
        If the record is too long for a page: 2000 s at the slowest speed.
    """
    head, *lines = title.split("\n")
    heading = MARGIN + 7.0 * bool(head) + 6.0 * len(lines)
    sheet = plan_sheet(record, layout, heading=heading, footing=13.0, speed=speed, gain=gain)
    figure, axes = open_page(sheet)
    draw_grid(axes, sheet, PINK)
    draw_tracings(axes, sheet, record)
    write_heading(axes, sheet, head, lines)
    write_footer(axes, sheet, record)
    return figure


def open_page(sheet: Sheet) -> tuple[Figure, Axes]:
    """Return a figure of the sheet's size and the one axes on it, in mm from its lower left."""
    size = (sheet.width / MM_PER_INCH, sheet.height / MM_PER_INCH)
    figure = Figure(figsize=size, dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, sheet.width), ylim=(0, sheet.height))
    axes.set_axis_off()
    return figure, axes


def draw_grid(axes: Axes, sheet: Sheet, style: GridStyle) -> None:
    """Draw the paper and its 1 mm and 5 mm lines; what lies between them has zorder 1."""
    width, height = sheet.right - sheet.left, sheet.top - sheet.bottom
    paper = Rectangle((sheet.left, sheet.bottom), width, height, color=style.paper, zorder=0)
    axes.add_patch(paper)
    for every, colour, points, zorder in ((1, style.fine, 0.4, 2.0), (5, style.bold, 0.6, 2.1)):
        x = sheet.left + np.arange(0, width + 0.5, every)
        y = sheet.bottom + np.arange(0, height + 0.5, every)
        up = [[(i, sheet.bottom), (i, sheet.top)] for i in x]
        across = [[(sheet.left, j), (sheet.right, j)] for j in y]
        lines = np.array(up + across)
        grid = LineCollection(lines, colors=colour, linewidths=points, zorder=zorder, gid="grid")
        axes.add_collection(grid, autolim=False)


def draw_tracings(axes: Axes, sheet: Sheet, record: Record) -> None:
    """Draw every lead with its name, and a calibration pulse of 1 mV and 200 ms in every row.

    Beside it stands what is wrong with it; where it is missing, so is the line.
    """
    deflection = about_median(record.signal) * sheet.gain
    notes = lead_notes(record)
    first = min(strip.left for strip in sheet.strips)
    for strip in sheet.strips:
        if strip.left == first:
            _draw_pulse(axes, strip, sheet)
        _write_name(axes, strip)
        if sheet.in_turn and strip.left > first:  # where one lead ends and the next begins
            x, y = [strip.left] * 2, strip.baseline + np.array([-3.0, 3.0])
            axes.plot(x, y, color=TEXT_COLOUR, linewidth=0.8, gid="next lead")
        part = deflection[strip.start : strip.stop, strip.lead]
        _draw_trace(axes, sheet, strip, part)
        said = [notes[strip.lead], _cut(strip, sheet, part)]
        _write_note(axes, sheet, strip, ", ".join(filter(None, said)))


def _draw_trace(axes: Axes, sheet: Sheet, strip: Strip, deflection: np.ndarray) -> None:
    """Draw one strip's tracing, ``deflection`` in mm, and mark its gaps."""
    x = strip.left + np.arange(len(deflection)) * sheet.sample
    (trace,) = axes.plot(
        x, strip.baseline + deflection, color=TRACE_COLOUR, linewidth=0.8, zorder=3
    )
    low, high = _cut_at(strip, sheet)
    frame = Rectangle(
        (sheet.left, low), sheet.right - sheet.left, high - low, transform=axes.transData
    )
    trace.set(gid=f"lead {LEADS[strip.lead]}", clip_path=frame, solid_joinstyle="round")
    draw_gaps(axes, x, deflection, strip.baseline, least=GAP_SHOWN)


def _cut_at(strip: Strip, sheet: Sheet) -> tuple[float, float]:
    """Return between what heights in mm a strip's tracing is drawn."""
    return max(sheet.bottom, strip.bottom - OVERRUN), min(sheet.top, strip.top + OVERRUN)


def _cut(strip: Strip, sheet: Sheet, deflection: np.ndarray) -> str:
    """Return how far a tracing goes that is cut on this page; an empty text if it is whole."""
    low, high = _cut_at(strip, sheet)
    y = strip.baseline + deflection[np.isfinite(deflection)]
    ends = [(y < low, y.min(initial=low)), (y > high, y.max(initial=high))]
    far = [f"{(end - strip.baseline) / sheet.gain:+.1f}" for beyond, end in ends if beyond.any()]
    said = " and ".join(far).replace("-", "\N{MINUS SIGN}")
    return f"cut: goes to {said} mV" if far else ""


def _write_name(axes: Axes, strip: Strip) -> None:
    """Write a lead's name before its tracing, or above it where there is no room before it."""
    name = {"size": 10, "weight": "bold", "color": TEXT_COLOUR, "zorder": 4}
    if strip.gutter:
        left = strip.left - strip.gutter + (1.5 if strip.gutter >= PULSE_GUTTER else 4.5)
        axes.text(left, strip.baseline + 1.5, LEADS[strip.lead], **name)
    else:
        axes.text(strip.left + 1.0, strip.top - 4.0, LEADS[strip.lead], **name)


def _write_note(axes: Axes, sheet: Sheet, strip: Strip, note: str) -> None:
    """Write what is wrong with a lead above its tracing."""
    if note:
        x = strip.left + (11.0 if not strip.gutter else 1.0)
        box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.6}
        y = strip.top - (4.0 if sheet.in_turn else 3.0)
        axes.text(x, y, note, size=8, style="italic", bbox=box, zorder=4, gid="note")


def write_line(
    axes: Axes,
    sheet: Sheet,
    text: str,
    *,
    y: float,
    size: float,
    bold: bool = False,
    between: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Write one line at ``y`` mm, ``between`` two distances in mm from the sides of the grid.

    Its letters, of ``size`` points, shrink where it would be wider than that.
    """
    if not text.strip():
        return
    font = FontProperties(weight="bold" if bold else "normal")
    font.set_size(1.0)
    # Far faster than the extents of the letters' outlines.
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    # A tenth less than there is: on a screen, hinting widens small letters.
    room = 0.9 * (sheet.right - sheet.left - sum(between)) * 72 / MM_PER_INCH
    font.set_size(min(size, room / width))
    x = sheet.left + between[0]
    line = axes.text(x, y, text, fontproperties=font, color=TEXT_COLOUR)
    line.set_parse_math(False)  # a name may hold dollar signs


def write_heading(axes: Axes, sheet: Sheet, title: str, lines: Sequence[str]) -> None:
    """Write a title above the grid and, between the two, smaller lines of 6 mm each."""
    for height, line in enumerate(reversed(lines)):
        write_line(axes, sheet, line, y=sheet.top + 3.0 + 6.0 * height, size=10)
    write_line(axes, sheet, title, y=sheet.top + 3.0 + 6.0 * len(lines), size=13, bold=True)


def write_footer(axes: Axes, sheet: Sheet, record: Record, *, kept: float = 0.0) -> None:
    """Write the seconds below the grid, then speed, gain, rate and the record's name.

    ``kept`` mm at the right of that line stay free.
    """
    # Labels stand at least 20 mm apart.
    step = next(s for s in (1, 2, 5, 10, 20) if s * sheet.speed >= 20)
    # Columns in turn share the seconds of the first.
    lefts = sorted({strip.left for strip in sheet.strips})
    ticks: list[list[tuple[float, float]]] = []
    for left in lefts[:1] if sheet.in_turn else lefts:
        for second in range(0, int(record.duration + 1e-6) + 1, step):
            x = left + second * sheet.speed
            ticks.append([(x, sheet.bottom - 1), (x, sheet.bottom)])
            axes.text(x, sheet.bottom - 1.5, f"{second} s", size=7, ha="center", va="top")
    marks = LineCollection(np.array(ticks), colors=TEXT_COLOUR, linewidths=0.6, gid="seconds")
    axes.add_collection(marks, autolim=False)
    odd = sheet.gain != STANDARD_GAIN
    unusual = f" (usual: {STANDARD_GAIN:g})" if odd else ""
    scale = f"{sheet.speed:g} mm/s  {sheet.gain:g} mm/mV{unusual}  {record.sampling_frequency:g} Hz"
    y, width = sheet.bottom - FOOTER_DROP, ODD_SCALE_WIDTH if odd else SCALE_WIDTH
    free = (0.0, sheet.right - sheet.left - width)
    write_line(axes, sheet, scale, y=y, size=9, bold=odd, between=free)
    write_line(axes, sheet, record.name, y=y, size=9, between=(width, kept))


def _draw_pulse(axes: Axes, strip: Strip, sheet: Sheet) -> None:
    """Draw 1 mV over 200 ms before the strip."""
    width, foot = pulse_width(sheet.speed), 1.5
    start = strip.left - width - foot - 1.0
    x = [start - foot, start, start, start + width, start + width, start + width + foot]
    y = strip.baseline + np.array([0, 0, 1, 1, 0, 0]) * sheet.gain
    (pulse,) = axes.plot(x, y, color=TRACE_COLOUR, linewidth=0.8, zorder=3)
    pulse.set(gid="calibration pulse", solid_joinstyle="miter")
