"""An explanation by any method as a picture: of one record, or of a whole class."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ecglens.errors import LabelError, did_you_mean
from ecglens.explain.beats import BeatAverage
from ecglens.explain.explanation import Explanation
from ecglens.explain.methods import METHODS
from ecglens.plots.beats import draw_beats
from ecglens.plots.explained import sum_up, verdict
from ecglens.plots.heat import draw_heat
from ecglens.record import Record


def draw_explanation(
    explanation: Explanation,
    place: int,
    label: str,
    record: Record,
    threshold: float,
    *,
    lines: Sequence[str] = (),
    layout: str = "6x2",
    speed: float | None = None,
    gain: float | None = None,
) -> Figure:
    """Draw one record under an explanation of one label.

    Each lead has its own band where the method tells the leads apart, else all have the same one. A
    method without a sign has a scale that starts at nought. The line below the title says what the
    map adds up to; where that is not what is explained, it says by how much.

    Parameters
    ----------
    explanation : Explanation
    place : int
        Of the record among those explained.
    label : str
    record : Record
        That was explained: at the model's rate.
    threshold : float
        Of the label's probability.
    lines : sequence of str
        Further lines below.
    layout : str
    speed, gain : float, optional
        mm/s, mm/mV; all three as in :func:`ecglens.plots.paper.draw_paper`.

    Raises
    ------
    LabelError
        If the label was not explained.
    ParameterError
        If the layout is not known, or speed or gain is not above 0.
    """
    method = METHODS[explanation.method]
    probability = float(explanation.probability[place, explanation.column(label)])
    said = [_sum_up(explanation, place, label)]
    if not explanation.over_time:
        said.append("one value a lead, spread evenly over the record: it tells no moments apart")
    return draw_heat(
        record,
        explanation.map(place, label),
        title=verdict(label, probability, threshold),
        subtitle="\n".join([*said, *lines]),
        signed=method.signed,
        unit=method.unit.replace("logit", explanation.of),
        layout=layout,
        speed=speed,
        gain=gain,
    )


def draw_average(average: BeatAverage, label: str) -> Figure:
    """Draw the mean beat of a label's records over their mean attribution, in twelve panels.

    Parameters
    ----------
    average : BeatAverage
    label : str

    Raises
    ------
    LabelError
        If the average has no such label, or no record of it.
    """
    if label not in average.labels:
        mend = did_you_mean(label, average.labels)
        raise LabelError("label", f"no {label!r}", "a label that was averaged", mend)
    place = average.labels.index(label)
    records, beats = int(average.records[place]), int(average.beats[place])
    if not records:
        raise LabelError("label", f"no record of {label!r}", "at least one with a whole beat")
    method = METHODS[average.method]
    counts = f"{_count(beats, 'beat')} of {_count(records, 'record')}"
    about = " ± standard deviation over records" if records > 1 else ""
    same = ", the same in every lead" if average.attribution.shape[2] == 1 else ""
    return draw_beats(
        average.offsets,
        average.signal[place],
        average.attribution[place],
        spread=average.signal_sd[place],
        title=f"{label}: mean of {counts}",
        subtitle=f"mean beat{about}, over the mean attribution by {average.method}{same}",
        signed=method.signed,
        unit=method.unit.replace("logit", average.of),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _sum_up(explanation: Explanation, place: int, label: str) -> str:
    """Return what a map adds up to, and whether that is what is explained."""
    column, method = explanation.column(label), explanation.method
    by = "" if method == "additive" else f"{method}: "
    if METHODS[method].unit != "logit":  # a slope, which has no sum to speak of
        return f"{by}{METHODS[method].summary}; it adds up to nothing"
    bias, value = float(explanation.bias[place, column]), float(explanation.value[place, column])
    total = float(explanation.map(place, label).sum(dtype=float))
    return by + sum_up(total, bias, value, explanation.of)
