"""Takes parts out of records and puts something in their place."""

import numpy as np

from ecglens.explain.method import check_choice

FILLS = ("zero", "mean", "bridge", "beat")


class Remover:
    """Records that parts can be taken out of, one variant after the other.

    Parameters
    ----------
    signals : ndarray of float32, shape (records, samples, 12)
        mV; a missing sample counts as 0 mV.
    fill : {"zero", "mean", "bridge", "beat"}
        What comes in the place of a part: 0 mV; the lead's mean; a straight line from the sample
        before to the sample after; or the record's mean beat at that place in the cycle, joined on
        at both ends, so that only what is particular to this beat goes. Where there are no two
        beats, a line.
    rate : float
        Hz.
    """

    def __init__(self, signals: np.ndarray, fill: str, rate: float) -> None:
        check_choice("fill", fill, FILLS)
        self.signals, self.fill = np.nan_to_num(signals), fill
        self._pattern = np.zeros_like(self.signals)
        if fill == "beat":  # once for all variants: it looks for the beats
            from ecglens.explain.beats import mean_beat_record

            self._pattern = np.stack([mean_beat_record(signal, rate) for signal in self.signals])

    def without(self, mask: np.ndarray) -> np.ndarray:
        """Return the records without a mask's samples, bool (records, samples, 12 or 1 for all)."""
        if self.fill == "zero":
            return np.where(mask, np.float32(0), self.signals)
        if self.fill == "mean":
            return np.where(mask, self.signals.mean(axis=1, keepdims=True), self.signals)
        # What is left of the record beside the pattern is bridged, so both ends are joined on.
        return self._pattern + _bridged(self.signals - self._pattern, mask)


def _bridged(signals: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return straight lines over what a mask (records, samples, 12 or 1) names."""
    samples = signals.shape[1]
    place = np.arange(samples, dtype=np.int32)[None, :, None]
    before = np.maximum.accumulate(np.where(mask, np.int32(-1), place), axis=1)
    after = np.where(mask, np.int32(samples), place)
    after = np.minimum.accumulate(after[:, ::-1], axis=1)[:, ::-1]
    # Beyond the ends the nearest sample holds; of a lead that is gone whole nothing is left.
    left = np.where(before < 0, np.minimum(after, samples - 1), before)
    right = np.where(after >= samples, np.maximum(before, 0), after)
    weight = (place - left) / np.maximum(right - left, 1).astype(np.float32)
    start = np.take_along_axis(signals, left, axis=1)
    line = start + weight * (np.take_along_axis(signals, right, axis=1) - start)
    line[np.broadcast_to(mask.all(axis=1, keepdims=True), line.shape)] = 0
    return np.where(mask, line, signals)
