"""What can be measured of a signal, for many records at once and fast.

numpy alone, because every prediction carries its record's flags.
"""

import numpy as np

from ecglens.errors import RecordError
from ecglens.quality import electrodes
from ecglens.record import LEADS, RATES

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
_VALUES = 1 << 22  # samples of all leads at a time: 16 MB, 70 records of 10 s at 500 Hz
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
    signals = np.asarray(signals, np.float32)
    if signals.ndim != 3 or signals.shape[2] != len(LEADS) or not signals.shape[1]:
        found = f"an array of shape {signals.shape}"
        raise RecordError("signals", found, "(records, samples, 12)")
    if not 0 < rate <= RATES[1]:
        found = f"a rate of {rate} Hz"
        raise RecordError("signals", found, f"a rate above 0 Hz, up to {RATES[1]} Hz")
    result = np.zeros(len(signals), MEASURES)
    chunk = max(1, _VALUES // signals[:1].size) if len(signals) else 1
    # Values beyond any ECG may overflow: the flag of their size says so, not a warning.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, len(signals), chunk):
            part = slice(start, start + chunk)
            _measure(signals[part], float(rate), result[part])
    return result


def _measure(signals: np.ndarray, rate: float, out: np.ndarray) -> None:
    """Fill the rows ``out`` of :data:`MEASURES` for some records."""
    present = np.isfinite(signals)
    whole = electrodes.without_gaps(signals)
    leads = np.ascontiguousarray(whole.transpose(0, 2, 1))
    blocks, grid_rate = electrodes.grid(whole, rate)
    beats = electrodes.average_beats(blocks, grid_rate)
    high, low = leads.max(axis=-1, keepdims=True), leads.min(axis=-1, keepdims=True)

    out["samples"], out["rate"], out["beats"] = signals.shape[1], rate, beats.count
    out["missing"] = 1 - present.mean(axis=1, dtype=np.float64)
    out["extent"] = (high - low)[..., 0]
    out["peak"] = np.maximum(high, -low)[..., 0]
    still = leads[..., 1:] == leads[..., :-1]
    if not present.all():  # what was drawn into a gap does not move either
        still &= present[:, 1:].transpose(0, 2, 1)
    out["held"] = _held(still, rate)
    out["clipped"] = _plateaus(still, leads, (high, low))
    out["heartbeat"], out["contact"] = beats.presence, beats.contact
    out["wander"] = _wander(blocks, grid_rate)
    out["noise"], out["burst"] = _noise(blocks, grid_rate)
    for line in _LINES:
        out[f"mains_{line}"] = _mains(leads, rate, line)
    qrs = beats.qrs
    out["scale"], out["limb_qrs"] = np.median(qrs, axis=1), qrs[:, :6].max(axis=1)
    out["chest_qrs"] = qrs[:, 6:].max(axis=1)
    for name, values in zip(IDENTITIES, electrodes.identity_residuals(signals).T, strict=True):
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
    windows = _windows(still.astype(np.float32), round(0.2 * rate))
    width = windows.shape[-1]
    # As a product, which takes a tenth of the time of a sum over short rows.
    return (windows @ np.ones(width, np.float32) == width).sum(axis=-1) * (width / rate)


def _plateaus(still: np.ndarray, leads: np.ndarray, extremes: tuple) -> np.ndarray:
    """Return how many times a lead stays at its same highest, or lowest, value.

    Not where that is near the lead's mean: coarse steps make a quiet baseline look cut off.
    """
    counts, mean = [], leads.mean(axis=-1)
    far = 0.2 * (extremes[0] - extremes[1])[..., 0]
    for extreme in extremes:
        stays = still & (leads[..., 1:] == extreme)
        times = (stays[..., 1:] > stays[..., :-1]).sum(axis=-1) + stays[..., :1].sum(axis=-1)
        counts.append(np.where(np.abs(extreme[..., 0] - mean) > far, times, 0))
    return np.maximum(*counts)


def _wander(blocks: np.ndarray, rate: float) -> np.ndarray:
    level = _median(_windows(blocks, round(0.5 * rate)))
    return np.ptp(level, axis=-1) if level.shape[-1] else np.nan


def _noise(blocks: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the median and the excess of the noisiest window, as white noise's deviation.

    The filter, a third difference of means of two, leaves little of P and T and nothing of 50 Hz;
    the QRS complex takes less than half of a window, so that the median does not see it.
    """
    length = max(0, blocks.shape[-1] - 4)
    first, second, fourth, fifth = (blocks[..., k : k + length] for k in (0, 1, 3, 4))
    rough = np.abs(first - fifth - 2 * (second - fourth))
    windows = _windows(rough, round(0.8 * rate))
    if not windows.shape[2]:
        return np.nan, np.nan
    # 10: sum of the filter's squares; 0.6745: upper quartile of the normal distribution.
    level = _median(windows) / np.float32(0.6745 * np.sqrt(10))
    usual = _median(level)
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
    return amplitude[..., 0] - _median(amplitude[..., 1:])


def _windows(leads: np.ndarray, width: int) -> np.ndarray:
    """Return (records, 12, windows, width), the rest at the end left out."""
    width = max(1, width)
    number = leads.shape[-1] // width
    return leads[..., : number * width].reshape(*leads.shape[:2], number, width)


def _median(values: np.ndarray) -> np.ndarray:
    """Return the median over the last axis; numpy sorts short rows ten times as fast as its own."""
    ordered, middle = np.sort(values, axis=-1), values.shape[-1] // 2
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan, values.dtype)
    return (ordered[..., middle] + ordered[..., -middle - 1]) / 2
