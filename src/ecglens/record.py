"""The one signal of the house: float32 millivolts, twelve leads in one order, a stated rate.

Files become a :class:`Record` at the door, by lead name and by the units that the file states.
Nothing behind the door re-orders or re-scales.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ecglens.errors import RecordError

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
MILLIVOLTS_PER = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6, "v": 1e3}
RATES = (10, 100_000)  # Hz; beyond, a header is wrong
MICROVOLT = 1e-3  # mV; the resolution of the prepared arrays
MISSING = -32768  # WFDB format 16's own mark for a sample that was not recorded


@dataclass(frozen=True)
class Record:
    """A 12-lead ECG.

    Parameters
    ----------
    signal : ndarray of float32, shape (samples, 12)
        Millivolts, leads in the order of :data:`LEADS`; NaN where a sample is missing.
    sampling_frequency : float
        Hz.
    name : str
        The record's name, without folder.
    source : str
        Where it came from, for messages.

    Raises
    ------
    RecordError
        If the signal is not (samples, 12), is empty, or the rate is not positive.
    """

    signal: np.ndarray
    sampling_frequency: float
    name: str
    source: str = ""

    def __post_init__(self) -> None:
        source = self.source or self.name
        if self.signal.ndim != 2 or self.signal.shape[1] != len(LEADS) or not len(self.signal):
            raise RecordError(source, f"an array of shape {self.signal.shape}", "(samples, 12)")
        if not (math.isfinite(self.sampling_frequency) and self.sampling_frequency > 0):
            raise RecordError(
                source, f"a rate of {self.sampling_frequency} Hz", "a rate above 0 Hz"
            )
        object.__setattr__(self, "signal", np.asarray(self.signal, np.float32))

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.signal) / self.sampling_frequency

    def resampled(self, sampling_frequency: float) -> "Record":
        """Return the record at another rate (Hz), low-pass filtered against aliasing.

        Raises
        ------
        RecordError
            If its own rate is one that no ECG has; memory for what it would become is not taken.
        """
        if sampling_frequency == self.sampling_frequency:
            return self
        refuse_odd_rate(self.sampling_frequency, self.source or self.name)
        signal = resample(self.signal, self.sampling_frequency, sampling_frequency)
        return Record(signal, sampling_frequency, self.name, self.source)


def lead_order(names: Sequence[str], source: object) -> list[int]:
    """Return, for each lead of :data:`LEADS`, its column in a file that names its leads ``names``.

    Case does not matter: PTB-XL writes AVR, LUDB avr.

    Raises
    ------
    RecordError
        If a name is unknown or doubled, or a lead is missing.
    """
    known = {lead.lower(): lead for lead in LEADS}
    lowered = [str(name).strip().lower() for name in names]
    expected = f"the twelve leads {' '.join(LEADS)}, in any order"
    unknown = [n for n, low in zip(names, lowered, strict=True) if low not in known]
    if unknown:
        raise RecordError(source, f"unknown lead names {', '.join(map(repr, unknown))}", expected)
    doubled = sorted({known[low] for low in lowered if lowered.count(low) > 1})
    if doubled:
        raise RecordError(source, f"lead {', '.join(doubled)} more than once", expected)
    missing = [lead for lead in LEADS if lead.lower() not in lowered]
    if missing:
        found = f"{len(names)} leads, without {', '.join(missing)}"
        raise RecordError(source, found, expected)
    return [lowered.index(lead.lower()) for lead in LEADS]


def millivolts_per(unit: str, source: object) -> float:
    """Return the factor from ``unit`` to millivolts.

    Raises
    ------
    RecordError
        If the unit is not one of voltage.
    """
    try:
        return MILLIVOLTS_PER[unit.strip().lower()]
    except KeyError:
        raise RecordError(
            source, f"the unit {unit!r}", "mV, uV, nV or V", "Convert the record to millivolts."
        ) from None


def refuse_odd_rate(sampling_frequency: float, source: object) -> None:
    """Refuse a rate (Hz) outside :data:`RATES`: what is worked out from it would not fit in memory.

    Raises
    ------
    RecordError
    """
    if not RATES[0] <= sampling_frequency <= RATES[1]:
        found, expected = f"{sampling_frequency:g} Hz", f"a rate of {RATES[0]} to {RATES[1]} Hz"
        raise RecordError(source, found, expected, "Check the header.")


def refuse_no_ecg(signal: np.ndarray, source: object) -> None:
    """Refuse a signal (mV) that int16 microvolts cannot hold: no ECG goes so far.

    Raises
    ------
    RecordError
        If a value lies outside ±32.767 mV, so that units or gain must be wrong.
    """
    peak = float(np.fmax.reduce(np.abs(np.asarray(signal, np.float32)), axis=None, initial=0))
    if not peak < 32.7675:
        raise RecordError(
            source,
            f"a peak of {peak:.1f} mV",
            "values within ±32.767 mV",
            "Check the gain and the units that the header states.",
        )


def to_microvolts(signal: np.ndarray, source: object) -> np.ndarray:
    """Return int16 microvolts, :data:`MISSING` where ``signal`` (mV) is NaN.

    Raises
    ------
    RecordError
        If a value lies outside ±32.767 mV: no ECG does, so units or gain must be wrong.
    """
    refuse_no_ecg(signal, source)
    counts = np.rint(np.asarray(signal, np.float32) * np.float32(1 / MICROVOLT))
    missing = np.isnan(counts)
    counts[missing] = 0
    counts = counts.astype(np.int16)
    counts[missing] = MISSING
    return counts


def from_microvolts(counts: np.ndarray) -> np.ndarray:
    """Return float32 millivolts, NaN where ``counts`` (int16 microvolts) is :data:`MISSING`."""
    signal = counts.astype(np.float32)
    signal /= np.float32(1 / MICROVOLT)
    missing = counts == MISSING
    if missing.any():
        signal[missing] = np.nan
    return signal


def resample(signal: np.ndarray, rate_in: float, rate_out: float) -> np.ndarray:
    """Resample by a rational factor with a Kaiser-windowed low-pass filter (beta 5).

    The same filter as ``scipy.signal.resample_poly``, in numpy so that inference needs no more;
    a test holds the two together. The first and last sample are held beyond the ends.

    Parameters
    ----------
    signal : ndarray, shape (samples, leads)
        Any unit. A missing sample (NaN) stays missing in what it touches.
    rate_in, rate_out : float
        Hz.

    Returns
    -------
    ndarray of float32, shape (ceil(samples · rate_out / rate_in), leads)
    """
    up, down = _ratio(rate_in, rate_out)
    half = 10 * max(up, down)
    taps = np.arange(-half, half + 1)
    low_pass = np.sinc(taps / max(up, down)) * np.kaiser(2 * half + 1, 5.0)
    low_pass *= up / low_pass.sum()

    # On a grid of ``up`` points an input sample, output k stands at k · down; of the points under
    # the filter there only every up-th is an input sample, and the rest would be zeros.
    length = -(-len(signal) * up // down)
    place = np.arange(length)[:, None] * down
    inputs = -((half - place) // up) + np.arange(2 * half // up + 1)
    offset = inputs * up - place
    weights = np.where(offset <= half, low_pass[np.minimum(offset + half, 2 * half)], 0.0)
    held = np.clip(inputs, 0, len(signal) - 1)
    columns = [np.einsum("ki,ki->k", weights, lead[held]) for lead in np.asarray(signal, float).T]
    return np.stack(columns, axis=1).astype(np.float32)


def _ratio(rate_in: float, rate_out: float) -> tuple[int, int]:
    """Return ``rate_out / rate_in`` as whole numbers in lowest terms, to microseconds in 10 s."""
    ratio = Fraction(rate_out / rate_in).limit_denominator(100_000)
    return ratio.numerator, ratio.denominator
