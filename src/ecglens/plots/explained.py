"""One label of one prediction as a picture: the tracing over its heat, and the sum that it is."""

import numpy as np
from matplotlib.figure import Figure

from ecglens.plots.heat import draw_heat
from ecglens.plots.paper import draw_paper
from ecglens.record import Record

MINUS = "\N{MINUS SIGN}"
NO_EXPLANATION = "no exact explanation: the model is not additive"


def draw_explained(
    record: Record,
    label: str,
    attribution: np.ndarray | None,
    *,
    probability: float,
    threshold: float,
    logit: float,
    bias: float | None = None,
) -> Figure:
    """Draw a record under the heat of a label, titled with the probability it explains.

    Parameters
    ----------
    record : Record
    label : str
    attribution : ndarray, shape (samples, 12 or 1), or None
        In logit units; with ``bias`` it sums to ``logit``. None of a model that is not additive,
        whose tracing is drawn without heat.
    probability, threshold, logit : float
    bias : float, optional
    """
    verdict = "at or above" if probability >= threshold else "below"
    title = f"{label}: probability {probability:.2f}, {verdict} its threshold {threshold:.2f}"
    if attribution is None:
        return draw_paper(record, title=f"{title}; {NO_EXPLANATION}")
    total = float(attribution.sum(dtype=np.float64))
    sum_up = f"attribution {total:+.2f} + bias {bias:+.2f} = logit {logit:+.2f}"
    return draw_heat(record, attribution, title=title, subtitle=sum_up.replace("-", MINUS))
