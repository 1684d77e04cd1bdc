"""One label of one prediction as a picture: the tracing over its heat, and the sum that it is.

Notebooks, the pipeline, the command line and the viewer all draw through this module.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ecglens.inference import Prediction
from ecglens.plots.heat import draw_heat, save_figure
from ecglens.plots.paper import draw_paper
from ecglens.record import Record

MINUS = "\N{MINUS SIGN}"
# Of the value explained, at least of 1: what two decimals on a page cannot show.
ADDS_UP = 0.005
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
    lines: Sequence[str] = (),
    layout: str = "6x2",
    speed: float | None = None,
    gain: float | None = None,
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
    lines : sequence of str
        Further lines below the sum.
    layout : str
    speed, gain : float, optional
        mm/s, mm/mV; all three as in :func:`ecglens.plots.paper.draw_paper`.
    """
    title = verdict(label, probability, threshold)
    look = {"layout": layout, "speed": speed, "gain": gain}
    if attribution is None:
        title = "\n".join([f"{title}; {NO_EXPLANATION}", *lines])
        return draw_paper(record, title=title, **look)
    total = float(attribution.sum(dtype=np.float64))
    subtitle = "\n".join([sum_up(total, bias, logit), *lines])
    return draw_heat(record, attribution, title=title, subtitle=subtitle, **look)


def verdict(label: str, probability: float, threshold: float) -> str:
    """Return a label's probability and on which side of its threshold it lies, as a title."""
    side = "at or above" if probability >= threshold else "below"
    return f"{label}: probability {share(probability)}, {side} its threshold {share(threshold)}"


def share(value: float) -> str:
    """Return a probability with two decimals, or as many as say more of a rare label than 0.00."""
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.2g}"


def sum_up(total: float, bias: float, value: float, of: str = "logit") -> str:
    """Return what an attribution sums to: what is explained, or by how much it differs."""
    gap = abs(total + bias - value)
    parts, whole = f"attribution {total:+.2f} + bias {bias:+.2f}", f"{of} {value:+.2f}"
    adds_up = gap <= ADDS_UP * max(1.0, abs(value))
    said = f"{parts} = {whole}" if adds_up else f"{parts}, {whole}: they differ by {gap:.2f}"
    return said.replace("-", MINUS)


def draw_prediction(prediction: Prediction, label: str, **options) -> Figure:
    """Draw one label of a prediction, its warnings below the sum.

    Parameters
    ----------
    prediction : Prediction
    label : str
        Of its model.
    **options
        ``layout``, ``speed`` and ``gain`` of :func:`draw_explained`.

    Raises
    ------
    LabelError
        If the model has no such label.
    """
    k = prediction.card.column(label)
    return draw_explained(
        prediction.record,
        label,
        prediction.attribution[..., k] if prediction.card.additive else None,
        probability=float(prediction.probability[k]),
        threshold=prediction.card.thresholds[k],
        bias=float(prediction.bias[k]) if prediction.card.additive else None,
        logit=float(prediction.logit[k]),
        lines=warning_lines(prediction.warnings),
        **options,
    )


def labels_to_draw(prediction: Prediction) -> list[str]:
    """Return the labels that were given; the likeliest where none was."""
    labels = prediction.card.labels
    given = [label for label, yes in zip(labels, prediction.positive, strict=True) if yes]
    return given or [labels[int(prediction.probability.argmax())]]


def picture_path(folder: Path, record: str, label: str = "", kind: str = "png") -> Path:
    """Return where a record's picture of a label goes; a slash in a name becomes a hyphen."""
    name = f"{record}_{label}" if label else record
    return folder / f"{name.replace('/', '-')}.{kind}"


def write_prediction(
    prediction: Prediction,
    folder: Path,
    labels: Sequence[str] | None = None,
    *,
    kind: str = "png",
    **options,
) -> list[Path]:
    """Write a picture a label and return their paths.

    Parameters
    ----------
    prediction : Prediction
    folder : Path
        Made where it is missing.
    labels : sequence of str, optional
        By default :func:`labels_to_draw`.
    kind : {"png", "svg", "pdf"}
    **options
        Of :func:`draw_prediction`.
    """
    paths = []
    for label in labels or labels_to_draw(prediction):
        paths.append(picture_path(folder, prediction.record.name, label, kind))
        save_figure(draw_prediction(prediction, label, **options), paths[-1])
    return paths


def warning_lines(warnings: Sequence[str], most: int = 4) -> list[str]:
    """Return warnings as lines, and how many more there are."""
    lines = [f"warning: {warning}" for warning in warnings[:most]]
    more = len(warnings) - most
    return [*lines, f"and {more} more warnings"] if more > 0 else lines
