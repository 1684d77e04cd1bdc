"""An explanation by any method as a picture: its heat behind the tracing, and what it sums to."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ecglens.explain.explanation import Explanation
from ecglens.explain.methods import METHODS
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


def _sum_up(explanation: Explanation, place: int, label: str) -> str:
    """Return what a map adds up to, and whether that is what is explained."""
    column, method = explanation.column(label), explanation.method
    by = "" if method == "additive" else f"{method}: "
    if METHODS[method].unit != "logit":  # a slope, which has no sum to speak of
        return f"{by}{METHODS[method].summary}; it adds up to nothing"
    bias, value = float(explanation.bias[place, column]), float(explanation.value[place, column])
    total = float(explanation.map(place, label).sum(dtype=float))
    return by + sum_up(total, bias, value, explanation.of)
