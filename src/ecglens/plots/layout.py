"""Where what stands on a page of ECG paper: layouts, speed, gain, strips. Unit: millimetre."""

from dataclasses import dataclass

import numpy as np

from ecglens.errors import ParameterError, RecordError, did_you_mean
from ecglens.plots.notes import lead_notes
from ecglens.record import LEADS, Record

# mm/s. 25 wherever the tracing fits; the slower speeds are those of clinical long-term strips.
SPEEDS = (25.0, 12.5, 5.0, 2.5, 1.0)
LONGEST_STRIP = 2000.0  # mm; beyond it a page in pixels is more than viewers open
STANDARD_GAIN = 10.0  # mm/mV
GAINS = (10.0, 5.0, 2.5, 1.0, 0.5, 0.25, 0.1)
# mm/mV. At this gain a strip holds 15 mV, more than any heart gives: a lead that needs less is
# an artefact and is cut, so that it does not make the other leads too small to read.
LEAST_FOR_ONE_LEAD = 2.5

MARGIN = 5.0  # mm, around the grid
NAME_GUTTER = 15.0  # mm, before a tracing, for the lead's name
PULSE_GUTTER = 20.0  # mm, before the first tracing of a row, for name and calibration pulse
WORD_ROW = 5.0  # mm, above a tracing whose name has no gutter, or of which something is noted
SHORTEST_GRID = 210.0  # mm; room for the words of a page whose record is short
# A row reaches as far as its tracings do, within these bounds in mm.
REACH_UP, REACH_DOWN = (12.0, 40.0), (6.0, 40.0)
REACH_ALONE = 120.0  # mm, of a lead that has the page to itself
OVERRUN = 10.0  # mm, by which a tracing may run over its row; beyond that it is cut, and so noted
TIPS = 99.8  # percentile of a lead's deflection that a gain must leave room for: an R wave's tip


@dataclass(frozen=True)
class Layout:
    """Rows and columns of a page, filled column by column.

    Parameters
    ----------
    rows, columns : int
    leads : tuple of int
        Indices of :data:`ecglens.record.LEADS`, in the order of filling.
    in_turn : bool
        Whether each column shows the next part of the record, as on a printout of one page;
        otherwise each lead is drawn whole.
    rhythm : int, optional
        The lead that is drawn whole in a row of its own below.
    """

    rows: int
    columns: int
    leads: tuple[int, ...] = tuple(range(len(LEADS)))
    in_turn: bool = False
    rhythm: int | None = None


LAYOUTS = {
    "6x2": Layout(6, 2),
    "12x1": Layout(12, 1),
    "3x4": Layout(3, 4, in_turn=True, rhythm=LEADS.index("II")),
}


@dataclass(frozen=True)
class Strip:
    """Where one lead, or a part of one, is drawn, in mm from the lower left corner of the page.

    Its samples are those from ``start`` to before ``stop``; the first lies at ``left``.
    ``baseline`` is the lead's median; the tracing lies between ``bottom`` and ``top``.
    ``gutter`` is the room before it, for its name; without any the name stands above.
    """

    lead: int
    left: float
    baseline: float
    bottom: float
    top: float
    start: int
    stop: int
    gutter: float


@dataclass(frozen=True)
class Sheet:
    """The plan of a page: its size and its grid in mm, speed in mm/s, gain in mm/mV, its strips.

    ``sample`` is how far a sample is from the next, in mm. ``in_turn`` is as in :class:`Layout`.
    """

    width: float
    height: float
    left: float
    bottom: float
    right: float
    top: float
    speed: float
    gain: float
    sample: float
    in_turn: bool
    strips: tuple[Strip, ...]


def find_layout(name: str) -> Layout:
    """Return a layout by its name, or that of one lead by the lead's name.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if name in LAYOUTS:
        return LAYOUTS[name]
    if name in LEADS:
        return Layout(1, 1, (LEADS.index(name),))
    mend = did_you_mean(name, [*LAYOUTS, *LEADS])
    raise ParameterError("layout", repr(name), "a layout of the page, or a lead", mend)


def plan_sheet(
    record: Record,
    layout: str,
    *,
    heading: float,
    footing: float,
    speed: float | None = None,
    gain: float | None = None,
) -> Sheet:
    """Place the strips on a page with ``heading`` and ``footing`` mm above and below.

    Parameters
    ----------
    record : Record
    layout : str
        A key of :data:`LAYOUTS`, or a lead's name.
    heading, footing : float
        mm.
    speed : float, optional
        mm/s; by default the fastest of :data:`SPEEDS` at which the record fits.
    gain : float, optional
        mm/mV; by default the greatest of :data:`GAINS` at which the tracings fit their rows.

    Raises
    ------
    ParameterError
        If the layout is not known, or speed or gain is not above 0.
    RecordError
        If the record is too long for a page.
    """
    plan = find_layout(layout)
    speed, gain = _speed(record, speed), _gain(record, gain)
    sample = speed / record.sampling_frequency
    length, gutters = _columns(plan, len(record.signal) * sample, speed)
    right = MARGIN + sum(gutters) + length * plan.columns + MARGIN
    ends = np.linspace(0, len(record.signal), plan.columns + 1).round().astype(int)
    reach = _reach(record, plan, gain, ends)
    _widen_outer_rows(reach, record, plan, gain, ends)
    reach[-1, 1] += _whole_boxes(float(reach.sum())) - reach.sum()
    top = footing + float(reach.sum())
    rows = [(top - reach[:r].sum(), *reach[r]) for r in range(len(reach))]
    strips = tuple(_strips(plan, ends, sample, length, gutters, rows))
    return Sheet(
        right + MARGIN, top + heading, MARGIN, footing, right, top,
        speed, gain, sample, plan.in_turn, strips,
    )  # fmt: skip


def about_median(signal: np.ndarray) -> np.ndarray:
    """Return each lead (samples, 12) less its median, in mV; NaN where it is not finite.

    An electrocardiograph is AC-coupled: the offset of a lead has no meaning, and the median is
    close to the isoelectric line.
    """
    centred = np.where(np.isfinite(signal), signal, np.nan)
    for column in centred.T:
        column -= np.median(column[~np.isnan(column)]) if not np.isnan(column).all() else 0.0
    return centred


def tips(deflection: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest deflection (samples,) of a part, without single samples."""
    if not len(deflection):
        return 0.0, 0.0
    low, high = np.percentile(deflection, (100 - TIPS, TIPS))
    return min(0.0, float(low)), max(0.0, float(high))


def _speed(record: Record, speed: float | None) -> float:
    """Return the paper speed in mm/s: the one asked for, or the fastest at which it fits."""
    _above_nought("speed", speed, "mm/s")
    for fitting in (speed,) if speed else SPEEDS:
        if record.duration * fitting <= LONGEST_STRIP:
            return float(fitting)
    raise RecordError(
        record.source or record.name,
        f"a duration of {record.duration:.0f} s",
        f"at most {LONGEST_STRIP / fitting:.0f} s to draw on a page at {fitting:g} mm/s",
        "Draw a part of it.",
    )


def _gain(record: Record, gain: float | None) -> float:
    """Return the gain in mm/mV: the one asked for, or the greatest at which the tracings fit."""
    _above_nought("gain", gain, "mm/mV")
    if gain:
        return float(gain)
    tips = np.percentile(_drawable(record), (100 - TIPS, TIPS), axis=0)
    with np.errstate(divide="ignore"):
        most = np.minimum(
            (REACH_UP[1] - 1) / tips[1].clip(0), (REACH_DOWN[1] - 1) / (-tips[0]).clip(0)
        )
    for_all = _at_most(float(most.min()))
    return max(for_all, min(LEAST_FOR_ONE_LEAD, _at_most(float(np.median(most)))))


def _at_most(gain: float) -> float:
    """Return the greatest of the gains that is not above this one, or the least of all."""
    return next((fitting for fitting in GAINS if fitting <= gain), GAINS[-1])


def _above_nought(name: str, value: float | None, unit: str) -> None:
    if value is not None and not (np.isfinite(value) and value > 0):
        raise ParameterError(name, f"{value}", f"a number of {unit} above 0")


def _drawable(record: Record) -> np.ndarray:
    """Return deflections in mV with nought where a sample is missing."""
    return np.nan_to_num(about_median(record.signal), nan=0.0)


def pulse_width(speed: float) -> float:
    """Return the width of the calibration pulse, 200 ms, in mm."""
    return 0.2 * speed


def _columns(plan: Layout, whole: float, speed: float) -> tuple[float, list[float]]:
    """Return, in mm, the room of one column and the gutters before each.

    ``whole`` is how far the record runs.
    """
    between = 0.0 if plan.in_turn else NAME_GUTTER
    first = max(PULSE_GUTTER, _whole_boxes(NAME_GUTTER + pulse_width(speed)))
    gutters = [first] + [between] * (plan.columns - 1)
    room = SHORTEST_GRID - sum(gutters) - MARGIN
    if plan.in_turn:
        return max(_whole_boxes(room), _whole_boxes(whole)) / plan.columns, gutters
    return max(_whole_boxes(room / plan.columns), _whole_boxes(whole)), gutters


def _reach(record: Record, plan: Layout, gain: float, ends: np.ndarray) -> np.ndarray:
    """Return how far each row reaches above and below its baseline, in whole mm: (rows, 2)."""
    deflection, noted = _drawable(record) * gain, [bool(note) for note in lead_notes(record)]
    alone = len(plan.leads) == 1
    most = (REACH_ALONE, REACH_ALONE) if alone else (REACH_UP[1], REACH_DOWN[1])
    reach = []
    for row in _rows(plan, ends):
        low, high = (np.array([tips(deflection[part]) for part in row])).T
        words = WORD_ROW * (plan.in_turn or any(noted[lead] for _, lead in row))
        least = max(REACH_UP[0], gain + 2.0)  # the calibration pulse
        up = np.clip(np.ceil(high.max() + 1), least, max(most[0], least)) + words
        reach.append((up, np.clip(np.ceil(1 - low.min()), REACH_DOWN[0], most[1])))
    return np.array(reach)


def _widen_outer_rows(reach: np.ndarray, record: Record, plan: Layout, gain: float, ends) -> None:
    """Give the first and the last row the room that others find in the row beside them.

    One premature beat in ten seconds is fewer samples than a row's reach counts, but no artefact.
    """
    deflection, rows = _drawable(record) * gain, list(_rows(plan, ends))
    for row, side, sign in ((0, 0, 1), (-1, 1, -1)):
        tip = max((sign * deflection[part]).max(initial=0.0) for part in rows[row])
        more = np.ceil(tip + 1 - reach[row, side])
        reach[row, side] += more if 0 < more <= OVERRUN else 0.0


def _rows(plan: Layout, ends: np.ndarray):
    """Yield for each row its parts: the samples, as a slice, and the lead."""
    for row in range(plan.rows):
        leads = enumerate(plan.leads[row :: plan.rows])
        yield [
            (slice(*ends[c : c + 2]) if plan.in_turn else slice(None), lead) for c, lead in leads
        ]
    if plan.rhythm is not None:
        yield [(slice(None), plan.rhythm)]


def _strips(plan: Layout, ends: np.ndarray, sample: float, length: float, gutters, rows):
    """Yield the strips, column by column, and last the rhythm strip."""
    first, samples = MARGIN + gutters[0], int(ends[-1])
    for place, lead in enumerate(plan.leads):
        column, row = divmod(place, plan.rows)
        start, stop = (ends[column], ends[column + 1]) if plan.in_turn else (0, samples)
        # Columns in turn adjoin as their parts of the record do.
        left = first + (start * sample if plan.in_turn else column * (length + NAME_GUTTER))
        yield _strip(lead, left, rows[row], int(start), int(stop), gutters[column])
    if plan.rhythm is not None:
        yield _strip(plan.rhythm, first, rows[-1], 0, samples, gutters[0])


def _strip(lead: int, left: float, row, start: int, stop: int, gutter: float) -> Strip:
    top, up, down = row
    return Strip(lead, left, top - up, top - up - down, top, start, stop, gutter)


def _whole_boxes(length: float) -> float:
    """Return a length in mm, rounded up to whole 5 mm boxes."""
    return 5.0 * np.ceil(length / 5.0 - 1e-9)
