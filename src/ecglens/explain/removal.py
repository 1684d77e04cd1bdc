"""Takes parts out of records and puts something in their place."""

import numpy as np

from ecglens.explain.method import check_choice

FILLS = ("zero", "mean", "bridge", "beat")


def remove(signals: np.ndarray, mask: np.ndarray, fill: str, rate: float) -> np.ndarray:
    """Return records without the samples that a mask names.

    Parameters
    ----------
    signals : ndarray of float32, shape (records, samples, 12)
        mV; a missing sample counts as 0 mV.
    mask : ndarray of bool, shape (records, samples, 12)
        What goes.
    fill : {"zero", "mean", "bridge", "beat"}
        What comes in its place: 0 mV; the lead's mean; a straight line from the sample before to
        the sample after; or the lead's mean beat at that place in the cycle, joined on at both
        ends, so that only what is particular to this beat goes. Where a lead has no two beats, a
        line.
    rate : float
        Hz.
    """
    check_choice("fill", fill, FILLS)
    signals = np.nan_to_num(signals)
    if fill == "zero":
        return np.where(mask, np.float32(0), signals)
    if fill == "mean":
        return np.where(mask, signals.mean(axis=1, keepdims=True), signals)
    pattern = np.zeros_like(signals)
    if fill == "beat":
        from ecglens.explain.beats import mean_beat_record

        pattern = np.stack([mean_beat_record(signal, rate) for signal in signals])
    # What is left of the record beside the pattern is bridged, so both ends are joined on.
    return pattern + _bridged(signals - pattern, mask)


def _bridged(signals: np.ndarray, mask: np.ndarray) -> np.ndarray:
    result = signals.copy()
    places = np.arange(signals.shape[1])
    for record, lead in np.argwhere(mask.any(axis=1)):
        gone = mask[record, :, lead]
        kept = ~gone
        column = result[record, :, lead]
        # Beyond the ends the nearest sample holds; of a lead that is gone whole nothing is left.
        column[gone] = np.interp(places[gone], places[kept], column[kept]) if kept.any() else 0.0
    return result
