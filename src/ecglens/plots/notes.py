"""What is wrong with a lead, said on the page where a reader looks: beside its tracing."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ecglens.quality import assess
from ecglens.record import LEADS, Record

GAP_SHOWN = 1.0  # mm; a shorter gap shows as a gap, and is counted in the note
GAP_NAMED = 14.0  # mm, wide enough for the words
GAP_HEIGHT = 5.0  # mm above and below the baseline


def lead_notes(record: Record) -> list[str]:
    """Return for each lead what a reader of its tracing must know; an empty text where nothing is.

    Missing samples, a flat lead, clipping by the recorder, a value that is held. Anything else
    that :func:`ecglens.quality.assess` finds is a warning of the prediction and not drawn.
    """
    said: dict[str, list[str]] = {lead: [] for lead in LEADS}
    flags = assess(record)
    flat = {flag.leads[0] for flag in flags if flag.kind == "flat"}
    for flag in flags:
        words = _words(flag.kind, flag.value)
        if words and (flag.kind in ("flat", "missing") or flag.leads[0] not in flat):
            said[flag.leads[0]].append(words)
    return [", ".join(notes) for notes in said.values()]


def _words(kind: str, value: float) -> str:
    """Return a flag of one lead in short, or an empty text for a kind that is not drawn."""
    if kind == "missing":
        return "not recorded" if value >= 1 else f"{_percent(value)} missing"
    if kind == "flat":
        return "flat"
    if kind == "clipped":
        return "clipped by the recorder"
    return f"does not move for {value:.1f} s" if kind == "held" else ""


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{min(round(100 * share), 99)} %"


def draw_gaps(
    axes: Axes, x: np.ndarray, deflection: np.ndarray, baseline: float, *, least: float
) -> None:
    """Mark where samples are missing by a hatched box, named where it is wide enough.

    Parameters
    ----------
    axes : Axes
        In mm.
    x, deflection : ndarray, shape (samples,)
        mm; NaN where missing.
    baseline : float
        mm.
    least : float
        mm; shorter gaps are left blank.
    """
    missing = np.isnan(deflection)
    if not missing.any() or missing.all():  # of a whole lead its note speaks
        return
    half = (x[1] - x[0]) / 2
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
    for start, stop in edges.reshape(-1, 2):
        left, width = x[start] - half, x[stop - 1] - x[start] + 2 * half
        if width < least:
            continue
        box = (left, baseline - GAP_HEIGHT), width, 2 * GAP_HEIGHT
        # Dots, because lines are the hatch of heat that speaks against a label.
        look = {"facecolor": "#eeeeee", "edgecolor": "#888888", "hatch": "...", "linewidth": 0.5}
        axes.add_patch(Rectangle(*box, zorder=2.5, gid="gap", **look))
        if width >= GAP_NAMED:
            words = {"size": 7, "ha": "center", "va": "center", "zorder": 4}
            back = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axes.text(left + width / 2, baseline, "no data", bbox=back, **words)
