"""What the value loses when a part of the record is taken away: a lead, a window or a wave."""

import numpy as np

from ecglens.errors import ParameterError
from ecglens.explain.evaluator import Evaluator
from ecglens.explain.method import Attribution, check_choice, check_number
from ecglens.explain.removal import Remover
from ecglens.record import LEADS

PARTS = ("lead", "window", "lead_window", "wave")


def occlusion(
    evaluator: Evaluator,
    signals: np.ndarray,
    *,
    by: str = "window",
    fill: str = "zero",
    window: float = 0.2,
    stride: float = 0.1,
) -> Attribution:
    """Return the value lost without each part, spread evenly over the part's samples.

    Occlusion (Zeiler and Fergus 2014, doi 10.1007/978-3-319-10590-1_53). Where parts overlap, a
    sample is given the mean of theirs. The losses need not sum to the value: two parts that say the
    same are each worth nothing alone.

    Parameters
    ----------
    by : {"lead", "window", "lead_window", "wave"}
        A lead at a time; a window in all leads, or in each lead; or, in each lead, all of its P
        waves, QRS complexes, T waves, and what is between them.
    fill : str
        What stands in its place: a key of :data:`ecglens.explain.removal.FILLS`.
    window, stride : float
        s; for windows.

    Notes
    -----
    ``details["loss"]`` has each part's loss (records, parts, labels), ``details["parts"]`` their
    names.
    """
    check_choice("by", by, PARTS)
    _check_seconds(window, stride)
    rate = evaluator.model.sampling_frequency
    names, masks = parts_of(signals, rate, by, window, stride)

    remover = Remover(signals, fill, rate)

    whole = evaluator.value(signals)[:, None]
    loss = whole - evaluator.value_of_variants(
        signals, len(names), lambda _, number: remover.without(masks(number))
    )
    columns = 1 if by == "window" else len(LEADS)
    total = np.zeros((*signals.shape[:2], columns, loss.shape[-1]))
    cover = np.zeros((*signals.shape[:2], columns, 1))
    for number in range(len(names)):
        mask = masks(number)[..., :columns]
        size = np.maximum(mask.sum(axis=(1, 2), keepdims=True), 1)
        total += mask[..., None] * (loss[:, number] / size[:, 0])[:, None, None]
        cover += mask[..., None]
    values = np.divide(total, cover, out=total, where=cover > 0)
    return Attribution(
        values, details={"loss": loss, "parts": tuple(names)}, over_time=by != "lead"
    )


def parts_of(signals: np.ndarray, rate: float, by: str, window: float, stride: float):
    """Return the names of the parts, and a function from a part's number to its mask.

    Returns
    -------
    list of str
    callable
        Number -> ndarray of bool, shape (records, samples, 12).
    """
    if by == "wave":
        from ecglens.explain.waves import WAVES, wave_masks

        kinds = wave_masks(signals, rate)  # (records, samples, waves)
        names = [f"{wave} {lead}" for wave in WAVES for lead in LEADS]
        return names, lambda number: _in_lead(kinds[..., number // 12], number % 12)
    everywhere = np.ones(signals.shape[:2], bool)
    if by == "lead":
        return list(LEADS), lambda number: _in_lead(everywhere, number)
    starts, length = windows(signals.shape[1], rate, window, stride)
    times = [f"{s / rate:.3f}-{min(s + length, signals.shape[1]) / rate:.3f} s" for s in starts]

    def at(start):
        mask = np.zeros(signals.shape[:2], bool)
        mask[:, start : start + length] = True
        return mask

    if by == "window":
        return times, lambda number: np.repeat(at(starts[number])[..., None], 12, axis=2)
    names = [f"{time} {lead}" for time in times for lead in LEADS]
    return names, lambda number: _in_lead(at(starts[number // 12]), number % 12)


def windows(samples: int, rate: float, window: float, stride: float) -> tuple[list[int], int]:
    """Return where windows start, the last one reaching the end, and their length, in samples.

    Raises
    ------
    ParameterError
        If window or stride are no number, or shorter than a sample, or the stride would leave gaps.
    """
    _check_seconds(window, stride)
    # More than the record is as good as all of it, and may be more than any whole number.
    length, step = (round(min(seconds * rate, samples)) for seconds in (window, stride))
    if not (length >= 1 and step >= 1):
        found = f"{window} s and {stride} s"
        raise ParameterError("window, stride", found, f"at least a sample, {1 / rate:g} s")
    if step > length:
        raise ParameterError("stride", f"{stride} s", f"at most the window, {window} s")
    starts = list(range(0, samples - length, step))
    return [*starts, samples - length], length


def _check_seconds(window: float, stride: float) -> None:
    for name, seconds in (("window", window), ("stride", stride)):
        check_number(name, seconds, 0.0)


def _in_lead(mask: np.ndarray, lead: int) -> np.ndarray:
    whole = np.zeros((*mask.shape, len(LEADS)), bool)
    whole[..., lead] = mask
    return whole
