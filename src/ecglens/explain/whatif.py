"""What if a part of the record were not there? And how little must go for another decision?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecglens.errors import ParameterError
from ecglens.explain import as_signals
from ecglens.explain.evaluator import Evaluator
from ecglens.explain.explanation import Explanation
from ecglens.explain.method import check_choice, check_count
from ecglens.explain.named_model import NamedModel
from ecglens.explain.occlusion import windows
from ecglens.explain.parts import Part, Parts
from ecglens.explain.removal import Remover
from ecglens.explain.waves import WAVES
from ecglens.inference import Predictor
from ecglens.record import LEADS, Record


@dataclass(frozen=True)
class WhatIf:
    """The model's answers with and without parts of records.

    Parameters
    ----------
    labels : tuple of str
    parts : tuple of Part
        That were taken away together.
    before, after : ndarray of float32, shape (records, labels)
        Probabilities.
    logit_before, logit_after : ndarray of float32, shape (records, labels)
    signals : ndarray of float32, shape (records, samples, 12)
        What the model was asked about in the end, mV.
    """

    labels: tuple[str, ...]
    parts: tuple[Part, ...]
    before: np.ndarray
    after: np.ndarray
    logit_before: np.ndarray
    logit_after: np.ndarray
    signals: np.ndarray


def what_if(
    model: NamedModel | Predictor,
    records: Record | Sequence[Record] | np.ndarray,
    parts: Part | Sequence[Part],
    labels: str | Sequence[str] | None = None,
    *,
    fill: str = "zero",
) -> WhatIf:
    """Take parts of records away, all at once, and ask the model again.

    Parameters
    ----------
    model, records, labels
        As :func:`ecglens.explain.explain` takes them.
    parts : Part or sequence of Part
    fill : {"zero", "mean", "bridge", "beat"}
        What comes in their place; see :class:`ecglens.explain.removal.Remover`.
    """
    named = NamedModel.of(model)
    signals, _ = as_signals(named, records)
    asked = Evaluator(named, named.columns(labels))
    parts = (parts,) if isinstance(parts, Part) else tuple(parts)
    mask = Parts(signals, named.sampling_frequency).mask(*parts)
    without = Remover(signals, fill, named.sampling_frequency).without(mask)
    before, after = asked.outputs(signals), asked.outputs(without)
    return WhatIf(
        tuple(named.labels[column] for column in asked.columns),
        parts,
        before["probability"],
        after["probability"],
        before["logit"],
        after["logit"],
        without,
    )


@dataclass(frozen=True)
class Ranked:
    """A part of a record and its signed share in a label's map.

    Parameters
    ----------
    part : Part
    attribution : float
        The sum of the map there.
    share : float
        Of the sum of the map's sizes over all leads or samples; positive speaks for the label.
    """

    part: Part
    attribution: float
    share: float


def top_leads(explanation: Explanation, record: int, label: str, k: int = 3) -> list[Ranked]:
    """Return the k leads with the largest |sum of the map|, largest first.

    Raises
    ------
    ParameterError
        If k is no count, or the map does not tell the leads apart.
    """
    check_count("k", k, 1)
    heat = explanation.map(record, label).astype(np.float64)
    _require_leads(explanation)
    sums = heat.sum(axis=0)
    whole = np.abs(sums).sum()
    order = np.argsort(-np.abs(sums), kind="stable")[:k]
    return [Ranked(Part((LEADS[i],)), float(sums[i]), _share(sums[i], whole)) for i in order]


def top_segments(
    explanation: Explanation,
    record: int,
    label: str,
    k: int = 5,
    *,
    window: float = 0.2,
    stride: float = 0.1,
    per_lead: bool = False,
) -> list[Ranked]:
    """Return the k windows with the largest |sum of the map|, none touching a larger one.

    Parameters
    ----------
    window, stride : float
        s.
    per_lead : bool
        Whether a window lies in one lead, or in all.

    Raises
    ------
    ParameterError
        If k is no count, or the map does not tell moments apart, or not the leads and ``per_lead``
        asks for them.
    """
    check_count("k", k, 1)
    explanation.require_over_time()
    heat = explanation.map(record, label).astype(np.float64)
    if per_lead:
        _require_leads(explanation)
    else:
        heat = heat.sum(axis=1, keepdims=True)
    rate = explanation.sampling_frequency
    starts, length = windows(len(heat), rate, window, stride)
    sums = np.stack([heat[start : start + length].sum(axis=0) for start in starts])
    whole, chosen = np.abs(heat).sum(), []
    for place in np.argsort(-np.abs(sums), axis=None, kind="stable"):
        row, lead = np.unravel_index(place, sums.shape)
        apart = all(o != lead or abs(starts[row] - starts[r]) >= length for r, o in chosen)
        if apart and len(chosen) < k:
            chosen.append((row, lead))
    return [
        Ranked(
            Part((LEADS[lead],) if per_lead else (), (), *_times(starts[row], length, rate)),
            float(sums[row, lead]),
            _share(sums[row, lead], whole),
        )
        for row, lead in chosen
    ]


@dataclass(frozen=True)
class Flip:
    """The least evidence found whose removal turns a decision.

    Parameters
    ----------
    label : str
    parts : tuple of Part
        Empty if the decision did not turn.
    turned : bool
        By the model's own answer without the parts. None of them can be left in place.
    before, after, threshold : float
        Probabilities; ``after`` without the parts, or, if it did not turn, the nearest to the
        threshold that was reached.
    forward_passes : int
    """

    label: str
    parts: tuple[Part, ...]
    turned: bool
    before: float
    after: float
    threshold: float
    forward_passes: int


def smallest_flip(
    model: NamedModel | Predictor,
    explanation: Explanation,
    record: Record | np.ndarray,
    label: str,
    threshold: float,
    *,
    by: str = "wave",
    fill: str = "bridge",
    window: float = 0.2,
    number: int = 0,
) -> Flip:
    """Find a small set of parts without which the model decides otherwise.

    Parts, in each lead if the map tells them apart, are taken away in the order in which the map
    says that they hold up the decision, until the model's own answer turns. Then each one is put
    back, the weakest first, and stays if the decision still stands turned without it. What is left
    has been verified by asking the model, and none of it can be spared; that no smaller set exists
    at all would take all subsets to say.

    Parameters
    ----------
    explanation : Explanation
        Of this record, by any method.
    record : Record or ndarray of shape (1, samples, 12)
    threshold : float
        Probability from which the label is given.
    by : {"wave", "window", "lead"}
        Parts: all P waves, QRS complexes, T waves or all that is between them; windows; or leads,
        whatever is said, if the map tells nothing else apart.
    fill : str
        See :class:`ecglens.explain.removal.Remover`.
    window : float
        s; for windows.
    number : int
        The record's place in the explanation.

    Raises
    ------
    ParameterError
        If the threshold is not a probability.
    """
    if not 0 < threshold < 1:
        raise ParameterError("threshold", f"{threshold}", "a probability above 0 and below 1")
    check_choice("by", by, ("wave", "window", "lead"))
    named = NamedModel.of(model)
    signals, _ = as_signals(named, record)
    rate = named.sampling_frequency
    search = _Search(Evaluator(named, named.columns(label), "probability"), signals, fill, rate)
    before = float(search.asked.value(signals)[0, 0])
    positive = before >= threshold
    heat = explanation.map(number, label).astype(np.float64) * (1 if positive else -1)
    if by == "lead" or not explanation.over_time:
        cells = [(heat[:, lead].sum(), Part(names)) for lead, names in _leads_of(heat)]
    elif by == "wave":
        cells = _waves(search.parts, heat)
    else:
        cells = _windows(heat, rate, window)
    parts = [part for value, part in sorted(cells, key=lambda c: -c[0]) if value > 0]

    def turned(value):
        return (value >= threshold) != positive

    path = search.cumulative(parts)
    first = np.flatnonzero(turned(path))
    if not len(first):
        nearest = float(path[np.abs(path - threshold).argmin()]) if len(path) else before
        passes = search.asked.forward_passes
        return Flip(label, (), False, before, nearest, threshold, passes)
    kept, after = list(parts[: first[0] + 1]), float(path[first[0]])
    for part in reversed(kept.copy()):
        rest = [other for other in kept if other is not part]
        answer = search.without(rest)
        if rest and turned(answer):
            kept, after = rest, answer
    return Flip(label, tuple(kept), True, before, after, threshold, search.asked.forward_passes)


class _Search:
    """Asks about one record without some of its parts."""

    def __init__(self, asked: Evaluator, signals: np.ndarray, fill: str, rate: float) -> None:
        self.asked, self.signals = asked, signals
        self.parts, self.remover = Parts(signals, rate), Remover(signals, fill, rate)

    def without(self, parts: Sequence[Part]) -> float:
        return float(self.asked.value(self.remover.without(self.parts.mask(*parts)))[0, 0])

    def cumulative(self, parts: Sequence[Part]) -> np.ndarray:
        """Return the value without the first part, the first two, and so on."""
        masks = (self.parts.mask(part) for part in parts)
        gone, signals = np.zeros(self.signals.shape, bool), []
        for mask in masks:
            gone = gone | mask
            signals.append(self.remover.without(gone))
        return self.asked.value(np.concatenate(signals))[:, 0] if signals else np.zeros(0)


def _waves(parts: Parts, heat: np.ndarray) -> list[tuple[float, Part]]:
    """Return each wave, by lead where the map tells them apart, and the sum of the map there."""
    sums = np.einsum("sw,sl->wl", parts.waves[0], heat)
    return [
        (sums[wave, lead], Part(names, (WAVES[wave],)))
        for wave in range(len(WAVES))
        for lead, names in _leads_of(heat)
    ]


def _windows(heat: np.ndarray, rate: float, window: float) -> list[tuple[float, Part]]:
    """Return each window, by lead where the map tells them apart, and the sum of the map there."""
    starts, length = windows(len(heat), rate, window, window)
    return [
        (heat[start : start + length, lead].sum(), Part(names, (), *_times(start, length, rate)))
        for start in starts
        for lead, names in _leads_of(heat)
    ]


def _leads_of(heat: np.ndarray) -> list[tuple[int, tuple[str, ...]]]:
    if heat.shape[1] != len(LEADS):
        return [(0, ())]
    return [(number, (lead,)) for number, lead in enumerate(LEADS)]


def _times(start: int, length: int, rate: float) -> tuple[float, float]:
    return start / rate, (start + length) / rate


def _share(value: float, whole: float) -> float:
    return float(value / whole) if whole > 0 else 0.0


def _require_leads(explanation: Explanation) -> None:
    if explanation.attribution.shape[2] != len(LEADS):
        raise ParameterError(
            "explanation",
            f"a map by {explanation.method!r} that does not tell the leads apart",
            "one of 12 columns",
            "Use 'shapley', 'integrated_gradients' or 'occlusion' with by='lead'.",
        )
