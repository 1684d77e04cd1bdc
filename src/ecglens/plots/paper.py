"""The clinical 12-lead tracing on ECG paper, at true scale.

A page is one axes whose unit is the millimetre: 25 mm are a second and 10 mm a millivolt on any
printer that does not scale, and every other distance on the page is a plain sum.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from ecglens.errors import ParameterError, RecordError, did_you_mean
from ecglens.record import LEADS, Record

LAYOUTS = {"6x2": (6, 2), "12x1": (12, 1)}  # rows and columns, filled column by column
MM_PER_INCH = 25.4
MM_PER_MILLIVOLT = 10.0
DPI = 127  # 5 pixels a millimetre: every grid line falls on a whole pixel

# mm/s. 25 wherever the tracing fits; the slower speeds are those of clinical long-term strips.
SPEEDS = (25.0, 12.5, 5.0, 2.5, 1.0)
LONGEST_STRIP = 2000.0  # mm; beyond it a page in pixels is more than viewers open

MARGIN = 5.0  # mm, around the grid
NAME_GUTTER = 15.0  # mm, before a tracing, for the lead's name
PULSE_GUTTER = 20.0  # mm, before the first tracing of a row, for name and calibration pulse
SHORTEST_GRID = 210.0  # mm; room for the words of a page whose record is short
FOOTER_DROP = 9.5  # mm, from the grid down to the last line's letters
SCALE_WIDTH = 58.0  # mm, for speed, gain and rate on that line
# A row reaches as far as its tracings do, within these bounds in mm. The upper ones stop an
# artefact from taking the page: what exceeds them runs over the neighbouring row.
REACH_UP, REACH_DOWN = (12.0, 30.0), (6.0, 25.0)

TRACE_COLOUR, TEXT_COLOUR = "black", "#333333"


@dataclass(frozen=True)
class GridStyle:
    """Colours of the paper, its 1 mm lines and its 5 mm lines."""

    paper: str
    fine: str
    bold: str


PINK = GridStyle(paper="#fffafa", fine="#f8d3d3", bold="#eaa0a0")


@dataclass(frozen=True)
class Strip:
    """Where one lead is drawn, in mm from the lower left corner of the page.

    ``left`` is where its time starts, ``baseline`` its median; the tracing lies between ``bottom``
    and ``top``.
    """

    lead: int
    left: float
    baseline: float
    bottom: float
    top: float


@dataclass(frozen=True)
class Sheet:
    """The plan of a page: its size and the grid on it in mm, the paper speed in mm/s, the strips.

    ``length`` is how far a record of full duration runs, in mm.
    """

    width: float
    height: float
    left: float
    bottom: float
    right: float
    top: float
    speed: float
    length: float
    strips: tuple[Strip, ...]


def draw_paper(record: Record, *, layout: str = "6x2", title: str = "") -> Figure:
    """Draw a record on ECG paper at 25 mm/s and 10 mm/mV.

    The grid has fine lines every 1 mm (40 ms, 0.1 mV) and bold lines every 5 mm. Each lead is
    drawn whole, about its median. Missing samples are gaps. A row is as high as its tracings, up
    to 30 mm above and 25 mm below; what exceeds that runs over the neighbouring row. A record
    above 80 s is drawn at the fastest of 12.5, 5, 2.5 and 1 mm/s at which it fits; the footer
    states the speed.

    Parameters
    ----------
    record : Record
        Signal of shape (samples, 12) in mV, any rate in Hz.
    layout : {"6x2", "12x1"}
        Rows by columns; "6x2" has the limb leads left and the chest leads right.
    title : str, optional
        Printed above the grid.

    Returns
    -------
    matplotlib.figure.Figure
        At true size in inches.

    Raises
    ------
    ParameterError
        If the layout is not known.
    RecordError
        If the record is longer than 2000 s.
    """
    sheet = plan_sheet(record, layout, heading=12.0 if title else MARGIN, footing=13.0)
    figure, axes = open_page(sheet)
    draw_grid(axes, sheet, PINK)
    draw_tracings(axes, sheet, record)
    write_line(axes, sheet, title, y=sheet.top + 3.0, size=13, bold=True)
    write_footer(axes, sheet, record)
    return figure


def plan_sheet(record: Record, layout: str, *, heading: float, footing: float) -> Sheet:
    """Place the twelve strips on a page with ``heading`` and ``footing`` mm above and below.

    Raises
    ------
    ParameterError
        If the layout is not known.
    RecordError
        If the record is too long for a page.
    """
    if layout not in LAYOUTS:
        mend = did_you_mean(layout, LAYOUTS)
        raise ParameterError("layout", repr(layout), "a layout of the page", mend)
    rows, columns = LAYOUTS[layout]
    speed = _paper_speed(record)
    gutters = PULSE_GUTTER + (columns - 1) * NAME_GUTTER
    room = _whole_boxes((SHORTEST_GRID - gutters - MARGIN) / columns)
    length = max(room, _whole_boxes(record.duration * speed))
    lefts = [MARGIN + PULSE_GUTTER + c * (length + NAME_GUTTER) for c in range(columns)]
    right = lefts[-1] + length + MARGIN

    up, down = _row_reach(record, rows, columns)
    height = _whole_boxes(float((up + down).sum()))
    down[-1] += height - (up + down).sum()
    top = footing + height
    tops = top - np.concatenate([[0.0], np.cumsum(up + down)[:-1]])
    strips = tuple(
        Strip(c * rows + r, lefts[c], tops[r] - up[r], tops[r] - up[r] - down[r], tops[r])
        for c in range(columns)
        for r in range(rows)
    )
    return Sheet(
        width=right + MARGIN,
        height=top + heading,
        left=MARGIN,
        bottom=footing,
        right=right,
        top=top,
        speed=speed,
        length=record.duration * speed,
        strips=strips,
    )


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
        lines = [[(i, sheet.bottom), (i, sheet.top)] for i in x]
        lines += [[(sheet.left, j), (sheet.right, j)] for j in y]
        grid = LineCollection(lines, colors=colour, linewidths=points, zorder=zorder)
        axes.add_collection(grid, autolim=False)


def draw_tracings(axes: Axes, sheet: Sheet, record: Record) -> None:
    """Draw every lead with its name, and a calibration pulse of 1 mV and 200 ms in every row."""
    grid = Rectangle(
        (sheet.left, sheet.bottom),
        sheet.right - sheet.left,
        sheet.top - sheet.bottom,
        transform=axes.transData,
    )
    x = np.arange(len(record.signal)) / record.sampling_frequency * sheet.speed
    deflection = about_median(record.signal) * MM_PER_MILLIVOLT
    first = min(strip.left for strip in sheet.strips)
    for strip in sheet.strips:
        room = PULSE_GUTTER - 1.5 if strip.left == first else NAME_GUTTER - 4.5
        name = {"size": 10, "weight": "bold", "color": TEXT_COLOUR, "zorder": 4}
        if strip.left == first:
            _draw_pulse(axes, strip, sheet.speed)
        axes.text(strip.left - room, strip.baseline + 1.5, LEADS[strip.lead], **name)
        y = strip.baseline + deflection[:, strip.lead]
        (trace,) = axes.plot(strip.left + x, y, color=TRACE_COLOUR, linewidth=0.8, zorder=3)
        trace.set(gid=f"lead {LEADS[strip.lead]}", clip_path=grid, solid_joinstyle="round")
        if not np.isfinite(y).any():
            axes.text(strip.left + 1, strip.baseline + 1.5, "not recorded", size=8, zorder=4)


def about_median(signal: np.ndarray) -> np.ndarray:
    """Return each lead (samples, 12) less its median, in mV; NaN where it is not finite.

    An electrocardiograph is AC-coupled: the offset of a lead has no meaning, and the median is
    close to the isoelectric line.
    """
    centred = np.where(np.isfinite(signal), signal, np.nan)
    for column in centred.T:
        column -= np.median(column[~np.isnan(column)]) if not np.isnan(column).all() else 0.0
    return centred


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
    outline = TextPath((0, 0), text.replace("$", "S"), size=1, prop=font)
    # A tenth less than there is: on a screen, hinting widens small letters.
    room = 0.9 * (sheet.right - sheet.left - sum(between)) * 72 / MM_PER_INCH
    font.set_size(min(size, room / outline.get_extents().width))
    x = sheet.left + between[0]
    line = axes.text(x, y, text, fontproperties=font, color=TEXT_COLOUR)
    line.set_parse_math(False)  # a name may hold dollar signs


def write_footer(axes: Axes, sheet: Sheet, record: Record, *, kept: float = 0.0) -> None:
    """Write the seconds below the grid, then speed, gain, rate and the record's name.

    ``kept`` mm at the right of that line stay free.
    """
    # Labels stand at least 20 mm apart.
    step = next(s for s in (1, 2, 5, 10, 20) if s * sheet.speed >= 20)
    for left in sorted({strip.left for strip in sheet.strips}):
        for second in range(0, int(record.duration + 1e-6) + 1, step):
            x = left + second * sheet.speed
            axes.plot([x, x], [sheet.bottom - 1, sheet.bottom], color=TEXT_COLOUR, linewidth=0.6)
            axes.text(x, sheet.bottom - 1.5, f"{second} s", size=7, ha="center", va="top")
    scale = f"{sheet.speed:g} mm/s  {MM_PER_MILLIVOLT:g} mm/mV  {record.sampling_frequency:g} Hz"
    y = sheet.bottom - FOOTER_DROP
    write_line(axes, sheet, scale, y=y, size=9)
    write_line(axes, sheet, record.name, y=y, size=9, between=(SCALE_WIDTH, kept))


def _paper_speed(record: Record) -> float:
    """Return the fastest paper speed (mm/s) at which the record fits on a page."""
    for speed in SPEEDS:
        if record.duration * speed <= LONGEST_STRIP:
            return speed
    raise RecordError(
        record.source or record.name,
        f"a duration of {record.duration:.0f} s",
        f"at most {LONGEST_STRIP / SPEEDS[-1]:.0f} s to draw on a page",
        "Draw a part of it.",
    )


def _row_reach(record: Record, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each row reaches above and below its baseline, in whole mm."""
    deflection = about_median(record.signal) * MM_PER_MILLIVOLT
    high = np.fmax.reduce(deflection, axis=0, initial=0.0).reshape(columns, rows).max(axis=0)
    low = np.fmin.reduce(deflection, axis=0, initial=0.0).reshape(columns, rows).min(axis=0)
    return np.clip(np.ceil(high + 1), *REACH_UP), np.clip(np.ceil(1 - low), *REACH_DOWN)


def _whole_boxes(length: float) -> float:
    """Return a length in mm, rounded up to whole 5 mm boxes."""
    return 5.0 * np.ceil(length / 5.0 - 1e-9)


def _draw_pulse(axes: Axes, strip: Strip, speed: float) -> None:
    """Draw 1 mV over 200 ms before the strip, centred in the right half of its gutter."""
    width = 0.2 * speed
    start = strip.left - PULSE_GUTTER / 4 - width / 2
    x = [start - 1.5, start, start, start + width, start + width, start + width + 1.5]
    y = strip.baseline + np.array([0, 0, 1, 1, 0, 0]) * MM_PER_MILLIVOLT
    (pulse,) = axes.plot(x, y, color=TRACE_COLOUR, linewidth=0.8, zorder=3)
    pulse.set(gid="calibration pulse", solid_joinstyle="miter")
