"""Cases as a PDF of many pages: truth, probability, threshold, quality flags and heat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from ecglens.errors import ParameterError
from ecglens.files import whole_file
from ecglens.plots.explained import draw_explained
from ecglens.plots.heat import METADATA
from ecglens.quality import Severity, assess
from ecglens.record import Record

_WORST_FIRST = (Severity.UNUSABLE, Severity.WARNING, Severity.NOTE)
ROWS = 30  # cases on a page of the list
SHOWN_FLAGS = 4  # on a case's page; the others are counted
_LIST = ("page", "record", "label", "truth", "probability", "threshold", "outcome", "flags")
_PLACES = (0.03, 0.09, 0.30, 0.42, 0.51, 0.63, 0.74, 0.92)


@dataclass(frozen=True)
class Case:
    """One label of one record, and what a model said of it.

    Parameters
    ----------
    record : Record
    label : str
    attribution : ndarray, shape (samples, 12 or 1), or None
        In logit units; with ``bias`` it sums to ``logit``. None of a model that is not additive.
    probability, threshold : float
    bias : float or None
    logit : float
    truth : bool, optional
        Whether the record has the label; unknown without it.
    flags : tuple of str, optional
        Sentences on the record's quality; by default what :func:`ecglens.quality.assess` finds.
    """

    record: Record
    label: str
    attribution: np.ndarray | None
    probability: float
    threshold: float
    bias: float | None
    logit: float
    truth: bool | None = None
    flags: tuple[str, ...] | None = None

    @property
    def outcome(self) -> str:
        """What came of it: found, missed, false alarm, rightly not given, or not known."""
        given = self.probability >= self.threshold
        if self.truth is None:
            return "given, truth not known" if given else "not given, truth not known"
        if self.truth:
            return "found" if given else "missed"
        return "false alarm" if given else "rightly not given"

    def sentences(self) -> tuple[str, ...]:
        """Return what is wrong with the record, a sentence a flag, what makes it unusable first."""
        if self.flags is not None:
            return self.flags
        flags = sorted(assess(self.record), key=lambda flag: _WORST_FIRST.index(flag.severity))
        return tuple(flag.sentence for flag in flags)


def write_cases(
    path: Path, cases: Iterable[Case], *, title: str = "Cases", layout: str = "12x1"
) -> None:
    """Write a PDF: a list of the cases, then a page each, at true scale.

    Parameters
    ----------
    path : Path
        Written whole or not at all; the same cases give the same bytes.
    cases : iterable of Case
    title : str
        Of the list.
    layout : str
        As in :func:`ecglens.plots.paper.draw_paper`. "12x1" of 10 s prints on A3, "3x4" on A4.

    Raises
    ------
    ParameterError
        If there is no case, or the layout is not known.
    """
    cases = list(cases)
    if not cases:
        raise ParameterError("cases", "none", "at least one case")
    lists = [cases[start : start + ROWS] for start in range(0, len(cases), ROWS)]
    with (
        whole_file(Path(path)) as part,
        matplotlib.rc_context({"pdf.fonttype": 42}),  # text that can be searched and copied
        PdfPages(part, metadata=METADATA["pdf"]) as pdf,
    ):
        for number, some in enumerate(lists):
            first = len(lists) + 1 + number * ROWS
            pdf.savefig(_draw_list(some, title, first))
        for case in cases:
            pdf.savefig(draw_case(case, layout=layout))


def draw_case(case: Case, *, layout: str = "12x1") -> Figure:
    """Draw one case: its outcome and flags above the tracing over its heat."""
    truth = {True: "present", False: "absent", None: "not known"}[case.truth]
    return draw_explained(
        case.record,
        case.label,
        case.attribution,
        probability=case.probability,
        threshold=case.threshold,
        bias=case.bias,
        logit=case.logit,
        lines=(f"truth: {truth}; outcome: {case.outcome}", *_shown(case.sentences())),
        layout=layout,
    )


def _shown(flags: Sequence[str]) -> list[str]:
    """Return the first flags, and how many more there are."""
    if not flags:
        return ["quality: no flag"]
    more = len(flags) - SHOWN_FLAGS
    rest = [f"quality: and {more} more flags"] if more > 0 else []
    return [f"quality: {flag}" for flag in flags[:SHOWN_FLAGS]] + rest


def _draw_list(cases: Sequence[Case], title: str, first_page: int) -> Figure:
    """Draw a page of the list on A4, landscape."""
    figure = Figure(figsize=(297 / 25.4, 210 / 25.4))
    figure.text(0.03, 0.94, title, size=14, weight="bold").set_parse_math(False)
    for place, head in zip(_PLACES, _LIST, strict=True):
        figure.text(place, 0.895, head, size=9, weight="bold")
    for row, case in enumerate(cases):
        truth = {True: "present", False: "absent", None: "not known"}[case.truth]
        values = (
            str(first_page + row), case.record.name[:24], case.label[:14], truth,
            f"{case.probability:.3f}", f"{case.threshold:.3f}", case.outcome,
            str(len(case.sentences())),
        )  # fmt: skip
        for place, value in zip(_PLACES, values, strict=True):
            text = figure.text(place, 0.87 - 0.027 * row, value, size=9)
            text.set_parse_math(False)  # a name may hold dollar signs
    return figure
