"""Twelve leads at a glance, plain and fast; what is read from is :mod:`ecglens.plots.paper`."""

import numpy as np
from matplotlib.figure import Figure

from ecglens.plots.layout import about_median, tips
from ecglens.plots.notes import lead_notes
from ecglens.record import LEADS, Record

LARGEST_HEART = 5.0  # mV; what exceeds it and most other leads by far does not set the scale
FAR = 4.0  # times the median lead


def draw_quick(record: Record, *, title: str = "") -> Figure:
    """Draw twelve leads in two columns, without ECG paper: a glance at many records.

    Parameters
    ----------
    record : Record
        Signal of shape (samples, 12) in mV, any rate in Hz, any length.
    title : str, optional
        By default the record's name.

    Returns
    -------
    matplotlib.figure.Figure
        The leads share one scale in mV, about each lead's median, and one in s. Missing samples
        are gaps; what is wrong with a lead, and how far it goes where it is cut, stands above it.
    """
    figure = Figure(figsize=(10, 6), dpi=100)
    figure.subplots_adjust(left=0.09, right=0.985, bottom=0.08, top=0.89, wspace=0.14, hspace=0.32)
    panels = figure.subplots(6, 2, sharex=True, sharey=True)
    time = np.arange(len(record.signal)) / record.sampling_frequency
    deflection, notes = about_median(record.signal), lead_notes(record)
    low, high = _scale(deflection)
    for k, axes in enumerate(panels.T.flat):
        axes.plot(time, deflection[:, k], color="black", linewidth=0.7, gid=f"lead {LEADS[k]}")
        axes.set_ylabel(LEADS[k], rotation=0, ha="right", va="center", weight="bold", labelpad=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#dddddd", linewidth=0.5)
        axes.tick_params(labelsize=8)
        said = ", ".join(filter(None, [notes[k], _cut(deflection[:, k], low, high)]))
        axes.set_title(said, size=8, style="italic", loc="right", pad=2)
    panels[0, 0].set(xlim=(0, record.duration), ylim=(low, high))
    for axes in panels[-1]:
        axes.set_xlabel("s", size=8, labelpad=1)
    figure.text(0.09, 0.93, "mV about each lead's median", size=8)
    name = figure.suptitle(title or record.name, weight="bold", y=0.985)
    name.set_parse_math(False)  # a name may hold dollar signs
    return figure


def _scale(deflection: np.ndarray) -> tuple[float, float]:
    """Return the ends of the scale in mV that all leads share."""
    ends = np.array([tips(np.nan_to_num(lead)) for lead in deflection.T])
    widest = np.abs(ends).max(axis=1)
    limit = max(LARGEST_HEART, FAR * float(np.median(widest)))
    low, high = max(-limit, float(ends[:, 0].min())), min(limit, float(ends[:, 1].max()))
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin


def _cut(lead: np.ndarray, low: float, high: float) -> str:
    """Return how far a lead goes that the scale cuts; an empty text if it is whole."""
    seen = lead[np.isfinite(lead)]
    ends = (seen.min(initial=0.0), seen.max(initial=0.0))
    far = " and ".join(f"{end:+.1f}" for end in ends if not low <= end <= high)
    return f"cut: goes to {far} mV".replace("-", "\N{MINUS SIGN}") if far else ""
