"""What can be measured of a signal, for many records at once and fast.

numpy alone, because every prediction carries its record's flags.
"""

import itertools
from typing import NamedTuple

import numpy as np

from ecglens.errors import RecordError
from ecglens.quality import beats as averaging
from ecglens.quality import electrodes
from ecglens.quality.beats import median, middle_of
from ecglens.record import LEADS, MISSING, RATES, from_microvolts

IDENTITIES = {
    "II": ("II = I + III", (0, 1, 2)),
    "aVR": ("aVR = -(I + II)/2", (0, 1, 3)),
    "aVL": ("aVL = (I - III)/2", (0, 2, 4)),
    "aVF": ("aVF = (II + III)/2", (1, 2, 5)),
}
_PER_LEAD = (
    "missing", "extent", "peak", "held", "clipped", "heartbeat", "contact", "wander", "noise",
    "burst", "mains_50", "mains_60",
)  # fmt: skip
_LINES = (50, 60)  # Hz
_VALUES = 1 << 19  # samples of all leads at a time: 2 MB, 43 records of 10 s at 100 Hz
_PER_RECORD = ("scale", "limb_qrs", "chest_qrs")

# One row a record of what :func:`measures` returns.
MEASURES = np.dtype(
    [("samples", "i4"), ("rate", "f4"), ("beats", "i4")]
    + [(name, "f4", len(LEADS)) for name in _PER_LEAD]
    + [(name, "f4") for name in _PER_RECORD]
    + [(f"identity_{lead}", "f4") for lead in IDENTITIES]
    + [(f"reversal_{exchange}", "f4") for exchange in electrodes.ARRANGEMENTS]
    + [(f"silent_{lead}", "f4") for lead in electrodes.SILENT]
)


def measures(signals: np.ndarray, rate: float) -> np.ndarray:
    """Measure many records at once.

    Parameters
    ----------
    signals : ndarray, shape (records, samples, 12)
        Millivolts, leads in the order of the house; NaN where a sample is missing.
    rate : float
        Hz.

    Returns
    -------
    ndarray of :data:`MEASURES`, shape (records,)
        By lead, each (records, 12): ``missing`` (share of samples), ``extent`` (mV peak to peak),
        ``peak`` (largest |mV|), ``held`` (s in which the lead does not move at all), ``clipped``
        (times that it stays at its highest, or lowest, value, far from its mean), ``heartbeat``
        (slope's power in the QRS complex over that before the beat, 1 without a heart), ``contact``
        (how clearly the beat repeats, as a share of the median lead), ``wander`` (mV that the
        median of half seconds moves), ``noise`` (mV, standard deviation of white noise as rough as
        the median window of 0.8 s), ``burst`` (mV by which the roughest window exceeds it),
        ``mains_50``, ``mains_60`` (mV, amplitude above the neighbouring frequencies'). By
        record: ``beats``, ``scale`` (mV peak to peak, QRS complex of the median lead),
        ``limb_qrs`` and ``chest_qrs`` (of the largest lead), ``identity_*`` (mV RMS),
        ``reversal_*`` (log-odds), ``silent_*`` (share). NaN is what cannot be measured: mains at a
        low rate, a heart without three beats, anything in a lead without signal.

    Raises
    ------
    RecordError
        If the signals are not (records, samples, 12), or the rate is not that of an ECG.
    """
    return _measured(np.asarray(signals, np.float32), rate)


def measures_of_counts(counts: np.ndarray, rate: float) -> np.ndarray:
    """Measure prepared records: the same as :func:`measures` of their millivolts, faster.

    Parameters
    ----------
    counts : ndarray of int16, shape (records, samples, 12)
        Microvolts, :data:`ecglens.record.MISSING` where a sample is missing.
    rate : float
        Hz.

    Returns
    -------
    ndarray of :data:`MEASURES`, shape (records,)

    Raises
    ------
    RecordError
        If the counts are not int16 (records, samples, 12), or the rate is not that of an ECG.
    """
    if counts.dtype != np.int16:
        raise RecordError("counts", f"an array of {counts.dtype}", "int16 microvolts")
    return _measured(counts, rate)


def _measured(signals: np.ndarray, rate: float) -> np.ndarray:
    """Measure float32 millivolts or int16 microvolts, some records at a time."""
    if signals.ndim != 3 or signals.shape[2] != len(LEADS) or not signals.shape[1]:
        found = f"an array of shape {signals.shape}"
        raise RecordError("signals", found, "(records, samples, 12)")
    if not 0 < rate <= RATES[1]:
        found = f"a rate of {rate} Hz"
        raise RecordError("signals", found, f"a rate above 0 Hz, up to {RATES[1]} Hz")
    result = np.zeros(len(signals), MEASURES)
    parts = min(len(signals), -(-signals.size // _VALUES))
    bounds = np.linspace(0, len(signals), parts + 1).astype(int)
    # Values beyond any ECG may overflow: the flag of their size says so, not a warning.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start, end in itertools.pairwise(bounds):
            _measure(_tracing(signals[start:end]), float(rate), result[start:end])
    return result


class _Tracing(NamedTuple):
    """Records as they are measured, leads first: (records, 12, samples)."""

    leads: np.ndarray  # mV, without gaps
    levels: np.ndarray  # the same, or its int16 microvolts, which are compared faster
    gaps: np.ndarray | None  # where a sample is missing; None where none is

    def millivolts(self, levels: np.ndarray) -> np.ndarray:
        """Return some of the levels in mV."""
        return levels if self.levels is self.leads else from_microvolts(levels)


def _tracing(signals: np.ndarray) -> _Tracing:
    levels = np.ascontiguousarray(signals.transpose(0, 2, 1))
    if levels.dtype == np.int16 and levels.min(initial=0) > MISSING:
        return _Tracing(from_microvolts(levels), levels, None)
    if levels.dtype == np.int16:
        signals = from_microvolts(signals)
    present = np.isfinite(signals)
    if present.all():
        return _Tracing(levels, levels, None)
    leads = np.ascontiguousarray(averaging.without_gaps(signals).transpose(0, 2, 1))
    return _Tracing(leads, leads, ~present.transpose(0, 2, 1))


def _measure(tracing: _Tracing, rate: float, out: np.ndarray) -> None:
    """Fill the rows ``out`` of :data:`MEASURES` for some records."""
    leads, levels, gaps = tracing
    blocks, grid_rate = averaging.blocks_of(leads, rate)
    beats = averaging.average_beats(blocks, grid_rate)
    extremes = levels.max(axis=-1), levels.min(axis=-1)
    high, low = map(tracing.millivolts, extremes)

    out["samples"], out["rate"], out["beats"] = leads.shape[2], rate, beats.count
    out["missing"] = 0 if gaps is None else 1 - (~gaps).mean(axis=-1, dtype=np.float64)
    out["extent"], out["peak"] = high - low, np.maximum(high, -low)
    still = levels[..., 1:] == levels[..., :-1]
    if gaps is not None:  # what was drawn into a gap does not move either
        still &= ~gaps[..., 1:]
    out["held"] = _held(still, rate)
    out["clipped"] = _plateaus(still, tracing, extremes)
    out["heartbeat"], out["contact"] = beats.presence, beats.contact
    in_blocks = tracing if blocks is leads else _Tracing(blocks, blocks, None)
    out["wander"] = _wander(in_blocks, grid_rate)
    out["noise"], out["burst"] = _noise(blocks, grid_rate)
    for line in _LINES:
        out[f"mains_{line}"] = _mains(leads, rate, line)
    qrs = beats.qrs
    out["scale"], out["limb_qrs"] = median(qrs), qrs[:, :6].max(axis=1)
    out["chest_qrs"] = qrs[:, 6:].max(axis=1)
    residuals = electrodes.residuals_of(leads if gaps is None else np.where(gaps, np.nan, leads))
    for name, values in zip(IDENTITIES, residuals.T, strict=True):
        out[f"identity_{name}"] = values
    scores = electrodes.scores_of(electrodes.correlations(beats))
    for exchange, values in zip(electrodes.ARRANGEMENTS, scores.T, strict=True):
        out[f"reversal_{exchange}"] = values
    for lead, values in zip(electrodes.SILENT, electrodes.silence(beats).T, strict=True):
        out[f"silent_{lead}"] = values
    _leave_out_the_dead(out)


def _leave_out_the_dead(out: np.ndarray) -> None:
    """Unmeasure what rests on a lead without signal: its own flag says all there is to say."""
    empty = out["missing"] == 1
    dead = (out["extent"] == 0) | (out["missing"] > 0.5)
    if not dead.any():
        return
    limb, chest = dead[:, :6], dead[:, 6:]
    out["extent"][empty] = np.nan
    for name in _PER_LEAD:
        if name not in ("missing", "extent"):
            out[name][dead] = np.nan
    for name, (_, used) in IDENTITIES.items():
        out[f"identity_{name}"][dead[:, used].any(axis=1)] = np.nan
    out["scale"][dead.sum(axis=1) > 5] = np.nan
    out["limb_qrs"][limb.all(axis=1)] = np.nan
    out["chest_qrs"][chest.all(axis=1)] = np.nan
    for name in MEASURES.names:
        if name.startswith(("reversal_", "silent_")):
            out[name][limb[:, :2].any(axis=1)] = np.nan


def _held(still: np.ndarray, rate: float) -> np.ndarray:
    """Return for how many seconds, counted in fifths, a lead does not move at all."""
    windows = _windows(still, round(0.2 * rate))
    width = windows.shape[-1]
    held = windows[..., 0] & windows[..., -1]  # few are
    held[held] = windows[held].all(axis=-1)
    return held.sum(axis=-1) * (width / rate)


def _plateaus(still: np.ndarray, tracing: _Tracing, extremes: tuple) -> np.ndarray:
    """Return how many times a lead stays at its same highest, or lowest, value.

    Not where that is near the lead's mean: coarse steps make a quiet baseline look cut off.
    """
    high, low = map(tracing.millivolts, extremes)
    counts = np.zeros((2, *high.shape), np.float32)
    for count, extreme in zip(counts, extremes, strict=True):
        stays = tracing.levels[..., 1:] == extreme[..., None]
        stays &= still
        some = stays.any(axis=-1)  # leads, which are few
        stays, mean = stays[some], tracing.leads[some].mean(axis=-1)
        begins = (stays[:, 1:] > stays[:, :-1]).sum(axis=-1) + stays[:, :1].sum(axis=-1)
        from_mean = np.abs(tracing.millivolts(extreme[some]) - mean)
        count[some] = np.where(from_mean > 0.2 * (high - low)[some], begins, 0)
    return counts.max(axis=0)


def _wander(tracing: _Tracing, rate: float) -> np.ndarray:
    windows = _windows(tracing.levels, round(0.5 * rate))
    if not windows.shape[2]:
        return np.nan
    # Whole numbers are sorted faster, and those of 32 bits on most processors.
    windows = windows.astype(np.int32 if windows.dtype == np.int16 else np.float32)
    windows.sort(axis=-1)
    half = windows.shape[-1] // 2
    middle = (tracing.millivolts(windows[..., k]) for k in (half, -half - 1))
    return np.ptp(sum(middle) / 2, axis=-1)


def _noise(blocks: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the median and the excess of the noisiest window, as white noise's deviation.

    The filter, a third difference of means of two, leaves little of P and T and nothing of 50 Hz;
    the QRS complex takes less than half of a window, so that the median does not see it.
    """
    width = max(1, round(0.8 * rate))
    number = max(0, blocks.shape[-1] - 4) // width
    if not number:
        return np.nan, np.nan
    first, second, fourth, fifth = (blocks[..., k : k + number * width] for k in (0, 1, 3, 4))
    rough, inner = first - fifth, second - fourth
    inner *= 2
    rough -= inner
    # Without a sign, floats are in the order of their bits, and whole numbers are sorted faster.
    rough = np.abs(rough, out=rough).view(np.int32)
    rough.reshape(-1, width).sort(axis=-1)
    level = middle_of(_windows(rough.view(np.float32), width))
    # 10: sum of the filter's squares; 0.6745: upper quartile of the normal distribution.
    level /= np.float32(0.6745 * np.sqrt(10))
    usual = median(level)
    return usual, level.max(axis=-1) - usual


def _mains(leads: np.ndarray, rate: float, line: int) -> np.ndarray:
    """Return the amplitude (mV) at a mains frequency above that of its neighbours.

    Of Hann windows of 2 s, which take in ±1 Hz.
    """
    width = round(2 * rate)
    windows = _windows(leads, width)
    if rate < 2 * (line + 6) or not windows.shape[2]:
        return np.nan
    frequencies = line + np.array([0, -5, -4, -3, 3, 4, 5])
    hann = np.hanning(width)
    waves = hann * np.exp(2j * np.pi / rate * np.outer(frequencies, np.arange(width)))
    basis = np.concatenate([waves.real, waves.imag]).T.astype(np.float32) * (2 / hann.sum())
    parts = (windows.reshape(-1, width) @ basis).reshape(*windows.shape[:3], 2, len(frequencies))
    amplitude = np.hypot(parts[..., 0, :], parts[..., 1, :]).mean(axis=2)
    return amplitude[..., 0] - median(amplitude[..., 1:])


def _windows(leads: np.ndarray, width: int) -> np.ndarray:
    """Return (records, 12, windows, width), the rest at the end left out."""
    width = max(1, width)
    number = leads.shape[-1] // width
    return leads[..., : number * width].reshape(*leads.shape[:2], number, width)
