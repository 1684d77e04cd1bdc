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
        """Return the records without the samples of a mask, bool (records, samples, 12)."""
        if self.fill == "zero":
            return np.where(mask, np.float32(0), self.signals)
        if self.fill == "mean":
            return np.where(mask, self.signals.mean(axis=1, keepdims=True), self.signals)
        # What is left of the record beside the pattern is bridged, so both ends are joined on.
        return self._pattern + _bridged(self.signals - self._pattern, mask)


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
