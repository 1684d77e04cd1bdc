"""One label of one prediction as a picture: the tracing over its heat, and the sum that it is."""

import numpy as np
from matplotlib.figure import Figure

from ecglens.plots.heat import draw_heat
from ecglens.record import Record


def draw_explained(
    record: Record,
    label: str,
    attribution: np.ndarray,
    *,
    probability: float,
    threshold: float,
    bias: float,
    logit: float,
) -> Figure:
    """Draw a record under the heat of a label, titled with the probability it explains.

    Parameters
    ----------
    record : Record
    label : str
    attribution : ndarray, shape (samples, 12 or 1)
        In logit units; with ``bias`` it sums to ``logit``.
    probability, threshold : float
    bias, logit : float
    """
    total = float(attribution.sum(dtype=np.float64))
    verdict = "at or above" if probability >= threshold else "below"
    sum_up = f"attribution {total:+.2f} + bias {bias:+.2f} = logit {logit:+.2f}"
    return draw_heat(
        record,
        attribution,
        title=f"{label}: probability {probability:.2f}, {verdict} its threshold {threshold:.2f}",
        subtitle=sum_up.replace("-", "\N{MINUS SIGN}"),
    )
