"""The surface ECG of a moving dipole, and where in time and leads each diagnosis shows.

The heart vector (x left, y down, z back; Frank's axes) is a sum of Gaussian waves in each beat,
after McSharry et al. 2003 (IEEE TBME 50:289, doi 10.1109/TBME.2003.808805) in the three
dimensions of Sameni et al. 2007 (EURASIP J. Adv. Signal Process. 2007:043407). The matrix of
Dower et al. 1980 (J. Electrocardiol. 13:109) projects it onto the eight independent leads. Noise
enters at the nine electrodes, so Einthoven's and Goldberger's equations hold for it as well.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ecglens.record import LEADS, to_microvolts

SAMPLING_FREQUENCY = 500  # Hz
DURATION = 10  # s
RHYTHMS = ("SR", "AFIB", "STACH", "SBRAD")
CONDUCTIONS = ("normal", "CLBBB", "CRBBB", "PACE")

INDEPENDENT = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
# fmt: off
DOWER = np.array([  # rows as INDEPENDENT; columns x, y, z
    (0.632, -0.235, 0.059), (0.235, 1.066, -0.132),
    (-0.515, 0.157, -0.917), (0.044, 0.164, -1.387), (0.882, 0.098, -1.277),
    (1.213, 0.127, -0.601), (1.125, 0.127, -0.086), (0.831, 0.076, 0.230),
])
# fmt: on
ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
LEADS_OF_ELECTRODES = np.zeros((8, 9))  # rows as INDEPENDENT
LEADS_OF_ELECTRODES[0, :2] = -1, 1
LEADS_OF_ELECTRODES[1, [0, 2]] = -1, 1
LEADS_OF_ELECTRODES[2:, 3:] = np.eye(6)
LEADS_OF_ELECTRODES[2:, :3] = -1 / 3  # Wilson's central terminal

# Ventricular activation: centre and width as fractions of the QRS duration, then x, y, z in mV.
QRS_WAVES = {
    "normal": (
        (0.18, 0.072, -0.10, -0.04, -0.22),  # septum, to the right and front
        (0.45, 0.095, 1.20, 0.72, 0.25),  # free walls
        (0.60, 0.090, 0.05, 0.10, 0.60),
        (0.75, 0.080, -0.12, -0.08, 0.25),  # base
        (0.86, 0.055, -0.16, 0.00, -0.18),  # right outflow tract; absent in most hearts
    ),
    "CLBBB": (
        (0.13, 0.060, 0.15, 0.02, -0.15),
        (0.32, 0.085, 0.60, 0.25, 0.40),  # the two summits of the notched R in I, aVL, V5, V6
        (0.49, 0.125, 0.10, 0.15, 1.55),  # slow spread to the left ventricle, behind
        (0.66, 0.090, 0.60, -0.05, 0.45),
        (0.84, 0.070, 0.02, -0.06, 0.20),
    ),
    "CRBBB": (
        (0.11, 0.045, -0.10, -0.03, -0.20),
        (0.30, 0.060, 1.00, 0.40, 0.00),
        (0.41, 0.050, 0.15, 0.10, 0.25),
        (0.66, 0.100, -0.50, -0.06, -0.52),  # the right ventricle, last and unopposed
        (0.83, 0.065, -0.18, 0.00, -0.15),
    ),
    "PACE": (
        (0.16, 0.065, 0.20, -0.15, -0.05),
        (0.36, 0.110, 0.35, -0.60, 0.45),  # from the apex of the right ventricle upwards
        (0.60, 0.120, 0.20, -0.75, 0.85),
        (0.82, 0.075, -0.05, -0.20, 0.25),
    ),
}
# fmt: off
QRS_SECONDS = {
    "normal": (0.075, 0.115), "CLBBB": (0.130, 0.178),
    "CRBBB": (0.122, 0.150), "PACE": (0.145, 0.190),
}
T_VECTOR = {  # mV
    "normal": (0.24, 0.13, -0.16), "CLBBB": (-0.16, -0.13, -0.46),
    "CRBBB": (0.23, 0.09, 0.14), "PACE": (-0.10, 0.36, -0.34),
}
# fmt: on
ST_SHARE = {"normal": 0.06, "CLBBB": 0.40, "CRBBB": 0.04, "PACE": 0.40}  # of the T vector
P_WAVES = (  # s after the P onset, width s, x, y, z mV: right atrium, then left
    (0.038, 0.016, 0.03, 0.07, -0.04),
    (0.064, 0.018, 0.05, 0.055, 0.035),
)
SPIKE = (0.50, 0.70, 0.35)  # direction of the pacing impulse, towards the apex
SPIKE_SECONDS = 0.0009  # Gaussian width; 2 ms at half its height
FIBRILLATION = (0.15, 0.65, 0.05)  # direction of the left-atrial part; V1 sees the right atrium
RATE = {"SR": (56, 94), "AFIB": (55, 135), "STACH": (101.5, 148), "SBRAD": (35.5, 53)}  # per min
PACED_RATE = (58, 82)

SIGNS = dict.fromkeys(("NORM", "STACH", "SBRAD", "PACE"), LEADS) | {
    "AFIB": ("II", "III", "aVF", "V1"),
    "CLBBB": ("I", "aVL", "V1", "V2", "V5", "V6"),
    "CRBBB": ("I", "V1", "V2", "V6"),
}  # the leads in which a diagnosis is read
SHORTEST_SIGN = 0.02  # s; what the record's ends leave of an interval must be at least this


class Evidence(NamedTuple):
    """An interval (s from the record's start) and the leads in which a label's sign is."""

    scp_code: str
    start_s: float
    end_s: float
    leads: tuple[str, ...]


@dataclass(frozen=True)
class Heart:
    """What stays the same in all records of a patient; see :func:`draw_heart`.

    Parameters
    ----------
    conduction : str
        One of :data:`CONDUCTIONS`.
    qrs_seconds, pr_seconds, qt_seconds : float
        Durations in s; QT at a rate of 60/min.
    qrs : ndarray, shape (waves, 5)
        Centre and width (s from the QRS onset), then x, y, z (mV).
    p : ndarray, shape (2, 5)
        The same from the P onset.
    t, spike : ndarray, shape (3,)
        mV; the spike is zero without a pacemaker.
    """

    conduction: str
    qrs_seconds: float
    pr_seconds: float
    qt_seconds: float
    qrs: np.ndarray
    p: np.ndarray
    t: np.ndarray
    spike: np.ndarray


@dataclass(frozen=True)
class Beats:
    """When the waves of each beat begin and end (s); the first may lie before the record."""

    impulse: np.ndarray  # pacing spike; the QRS onset without a pacemaker
    onset: np.ndarray
    qrs_end: np.ndarray
    t_end: np.ndarray
    p_onset: np.ndarray  # one a beat in sinus rhythm, none in fibrillation, free when paced


@dataclass(frozen=True)
class Tracing:
    """A simulated record.

    Parameters
    ----------
    microvolts : ndarray of int16, shape (5000, 12)
        Leads in the order of :data:`ecglens.record.LEADS`, at 500 Hz.
    beats : Beats
        The times that made it.
    evidence : list of Evidence
        Where each label's sign is.
    """

    microvolts: np.ndarray
    beats: Beats
    evidence: list[Evidence]


def scp_codes(rhythm: str, conduction: str) -> dict[str, float]:
    """Return SCP codes with likelihoods as PTB-XL states them: 0 for a rhythm, 100 otherwise.

    NORM stands only where rhythm and conduction are both normal. A paced record carries no
    sinus rhythm, since the atria do not lead.
    """
    codes = {conduction: 100.0} if conduction != "normal" else {}
    if (rhythm, conduction) == ("SR", "normal"):
        codes["NORM"] = 100.0
    if (rhythm, conduction) != ("SR", "PACE"):
        codes[rhythm] = 0.0
    return codes


def draw_heart(rng: np.random.Generator, conduction: str) -> Heart:
    """Return a heart of one of :data:`CONDUCTIONS` with its own axis, amplitudes and durations."""
    seconds = rng.uniform(*QRS_SECONDS[conduction])
    turn = Rotation.from_rotvec(rng.normal(0, [0.18, 0.16, 0.20])).as_matrix()
    gain = rng.lognormal(0, 0.3)

    qrs = np.array(QRS_WAVES[conduction])
    qrs[:, :2] *= seconds
    qrs[:, 2:] *= rng.normal(1, 0.2, (len(qrs), 3))
    qrs[:, 2:] += rng.normal(0, 0.07, (len(qrs), 3))
    qrs[:, 2:] *= gain
    if conduction == "normal":
        qrs[-1, 2:] *= max(0, rng.normal())  # a healthy rSr' in V1 that is no block
    qrs[:, 2:] = qrs[:, 2:] @ turn.T
    p = np.array(P_WAVES)
    p[:, 2:] *= rng.lognormal(-0.1, 0.4) * rng.normal(1, 0.2, (2, 3))
    t = turn @ (np.array(T_VECTOR[conduction]) * rng.normal(1, 0.2, 3)) * rng.lognormal(0, 0.35)
    if conduction != "normal":
        t = t * gain  # a secondary change of repolarisation follows the size of the QRS
    spike = np.array(SPIKE) * rng.normal(1, 0.2, 3) * np.exp(rng.uniform(np.log(0.08), np.log(3.0)))
    if conduction != "PACE":
        spike = np.zeros(3)
    pr = rng.uniform(0.13, 0.19)
    qt = rng.normal(0.39, 0.012) + 0.7 * max(0, seconds - 0.1)
    return Heart(conduction, seconds, pr, qt, qrs, p, t, spike)


def simulate(heart: Heart, rhythm: str, rng: np.random.Generator) -> Tracing:
    """Return ten seconds of the heart's ECG in a rhythm, with noise and evidence.

    Parameters
    ----------
    heart : Heart
        From :func:`draw_heart`.
    rhythm : str
        One of :data:`RHYTHMS`. Of a paced heart it is the atria's rhythm.
    rng : numpy.random.Generator
        The only source of chance.
    """
    time = np.arange(DURATION * SAMPLING_FREQUENCY) / SAMPLING_FREQUENCY
    breath = rng.uniform(0.15, 0.4)  # Hz
    beats = _beats(heart, rhythm, breath, rng)
    vector = _sum_of_waves(*_waves(heart, beats, breath, rng), len(time))
    electrodes = _noise(time, breath, rng)
    if rhythm == "AFIB":
        size = np.exp(rng.uniform(np.log(0.012), np.log(0.08)))  # mV: fine to coarse
        vector += size * _fibrillation(time, rng)[:, None] * np.array(FIBRILLATION)
        # The right atrium lies so near to V1 that a dipole in the chest's centre misses it.
        electrodes[:, ELECTRODES.index("V1")] += size * _fibrillation(time, rng)
    leads = vector @ DOWER.T + electrodes @ LEADS_OF_ELECTRODES.T
    evidence = _evidence(scp_codes(rhythm, heart.conduction), beats)
    return Tracing(twelve_leads(leads), beats, evidence)


def twelve_leads(independent: np.ndarray) -> np.ndarray:
    """Quantise the eight independent leads and derive the other four from the whole numbers.

    Parameters
    ----------
    independent : ndarray, shape (samples, 8)
        mV: I, II, V1 to V6.

    Returns
    -------
    ndarray of int16, shape (samples, 12)
        Microvolts. III = II - I exactly; aVR, aVL and aVF to within half a microvolt.
    """
    counts = to_microvolts(independent, "simulated record")
    one, two = counts[:, 0].astype(float), counts[:, 1].astype(float)
    derived = np.stack([two - one, -(one + two) / 2, one - two / 2, two - one / 2], axis=1)
    return np.hstack([counts[:, :2], np.rint(derived).astype(np.int16), counts[:, 2:]])


def _beats(heart: Heart, rhythm: str, breath: float, rng: np.random.Generator) -> Beats:
    """Draw the beats of a record, and enough beyond its ends for all waves within it."""
    paced = heart.conduction == "PACE"
    mean = 60 / rng.uniform(*(PACED_RATE if paced else RATE[rhythm]))
    if paced:
        intervals = np.full(int(DURATION / mean) + 4, mean)
    elif rhythm == "AFIB":
        intervals = _fibrillating_intervals(mean, rng)
    else:
        intervals = _sinus_intervals(mean, breath, rng)
    impulse = np.cumsum(intervals) - intervals[0] - rng.uniform(0.5, 1.5) * mean
    needed = np.append(True, impulse[:-1] < DURATION + 1)  # one beat begins after the record
    intervals, impulse = intervals[needed], impulse[needed]
    onset = impulse + rng.uniform(0.012, 0.03) if paced else impulse

    # Half of the QT's adaptation to rate follows the last beat, half the mean of many.
    t_end = onset + heart.qt_seconds * np.cbrt((intervals + mean) / 2)
    if rhythm == "AFIB":
        p_onset = np.empty(0)
    elif paced:
        p_onset = np.arange(rng.uniform(-1, 0), DURATION, 60 / rng.uniform(60, 95))
    else:
        p_onset = onset - heart.pr_seconds * min(1, mean) ** 0.4
    return Beats(impulse, onset, onset + heart.qrs_seconds, t_end, p_onset)


def _sinus_intervals(mean: float, breath: float, rng: np.random.Generator) -> np.ndarray:
    """Return R-R intervals (s) with respiratory arrhythmia and the 0.1 Hz wave of blood pressure.

    Both shrink at a fast rate, when the vagus is silent.
    """
    time = mean * np.arange(int(DURATION / mean) + 6)
    depth = rng.uniform(0.005, 0.10) * min(1, mean**2)
    phase = rng.uniform(0, 2 * np.pi, 2)
    sway = depth * np.sin(2 * np.pi * breath * time + phase[0])
    sway += 0.4 * depth * np.sin(2 * np.pi * 0.1 * time + phase[1])
    intervals = 1 + sway + rng.normal(0, 0.006, len(time))
    return mean * intervals / intervals.mean()


def _fibrillating_intervals(mean: float, rng: np.random.Generator) -> np.ndarray:
    """Return R-R intervals (s) without any order, none below the AV node's recovery."""
    spread = rng.uniform(0.17, 0.28)
    count = int(2 * DURATION / mean) + 6
    return np.maximum(0.34, rng.gamma(1 / spread**2, mean * spread**2, count))


def _waves(
    heart: Heart, beats: Beats, breath: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the centre (s), rise and fall (s) and vector (mV) of every wave of every beat."""
    depth, phase = rng.uniform(0.01, 0.07), rng.uniform(0, 2 * np.pi)
    swell = 1 + depth * np.sin(2 * np.pi * breath * beats.onset + phase)
    stretch = (beats.t_end - beats.onset) / heart.qt_seconds
    t = heart.t[None] * swell[:, None]
    st_centre = beats.qrs_end + 0.35 * (beats.t_end - 0.07 * stretch - beats.qrs_end)
    parts = [  # centre, rise, fall, vector; each first by beat
        (beats.t_end - 0.07 * stretch, 0.052 * stretch, 0.034 * stretch, t),
        (st_centre, 0.045 * stretch, 0.06 * stretch, ST_SHARE[heart.conduction] * t),
        _repeated(beats.impulse, (0, SPIKE_SECONDS, *heart.spike), 1),
    ]
    parts += [_repeated(beats.onset, wave, swell) for wave in heart.qrs]
    parts += [_repeated(beats.p_onset, wave, 1) for wave in heart.p]
    centre, rise, fall, vector = (np.concatenate(part) for part in zip(*parts, strict=True))
    return centre, np.stack([rise, fall]), vector


def _repeated(start: np.ndarray, wave: np.ndarray, swell: np.ndarray | float) -> tuple:
    """Return centre, rise, fall and vector of one symmetric wave in each beat."""
    width = np.full(len(start), wave[1])
    size = np.broadcast_to(swell, start.shape)
    return start + wave[0], width, width, size[:, None] * np.asarray(wave[2:])


def _sum_of_waves(
    centre: np.ndarray, widths: np.ndarray, vector: np.ndarray, samples: int
) -> np.ndarray:
    """Return the heart vector (samples, 3) in mV; each wave within four times its width."""
    reach = int(4 * widths.max() * SAMPLING_FREQUENCY) + 1
    index = np.rint(centre * SAMPLING_FREQUENCY).astype(int)[:, None] + np.arange(-reach, reach + 1)
    offset = index / SAMPLING_FREQUENCY - centre[:, None]
    width = np.where(offset < 0, widths[0][:, None], widths[1][:, None])
    height = np.exp(-0.5 * (offset / width) ** 2)
    inside = (index >= 0) & (index < samples)
    at = index[inside]
    return np.stack(
        [np.bincount(at, (height * v[:, None])[inside], samples) for v in vector.T], axis=1
    )


def _fibrillation(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return fibrillatory waves of height about 1: a sawtooth of wandering rate and size.

    After Stridh and Sörnmo 2001 (IEEE TBME 48:105), with three sinusoids for the wandering.
    """
    swing = rng.uniform(0.2, 1.6, 3)  # Hz
    strength = rng.uniform(0.05, 0.35, 3) / (2 * np.pi * swing)  # cycles; up to 1.05 Hz in sum
    turns = time[:, None] * swing + rng.random(3)
    cycles = rng.uniform(5.1, 7.9) * time + np.sin(2 * np.pi * turns) @ strength
    waves = sum(np.sin(2 * np.pi * n * cycles + rng.normal(0, 0.3)) / n for n in (1, 2, 3))
    envelope = 1 + 0.35 * np.sin(2 * np.pi * (rng.uniform(0.1, 0.5) * time + rng.random()))
    return 0.7 * envelope * waves


def _noise(time: np.ndarray, breath: float, rng: np.random.Generator) -> np.ndarray:
    """Return electrode potentials (samples, 9) in mV: wander, mains, muscle and white noise.

    Each record has its own amounts, and each electrode its own share of them.
    """
    count = len(ELECTRODES)
    slow = np.array([breath, *rng.uniform(0.02, 0.15, 3)])  # Hz
    phase = rng.uniform(0, 2 * np.pi, 5)
    wander = np.sin(2 * np.pi * time[:, None] * slow + phase[:4])
    noise = wander @ rng.normal(0, rng.lognormal(np.log(0.06), 0.7), (4, count))
    mains = np.sin(2 * np.pi * 50 * time + phase[4])
    noise += mains[:, None] * rng.normal(0, rng.lognormal(np.log(0.004), 0.9), count)

    frequency = np.fft.rfftfreq(len(time), 1 / SAMPLING_FREQUENCY)
    muscle = np.exp(-0.5 * ((frequency - 70) / 35) ** 2)  # about 20 to 150 Hz
    level = rng.lognormal(np.log(0.012), 0.8) * rng.lognormal(0, 0.4, count)
    shape = np.hypot(muscle[:, None] * level, 0.002)
    parts = rng.normal(size=(2, len(frequency), count))
    spectrum = shape * (parts[0] + 1j * parts[1]) * np.sqrt(len(time) / 4)
    return noise + np.fft.irfft(spectrum, len(time), axis=0)


def _evidence(codes: dict[str, float], beats: Beats) -> list[Evidence]:
    """Return the intervals of each code that has a sign, cut at the record's ends."""
    middle = (beats.onset + beats.qrs_end) / 2
    intervals = {
        "NORM": (beats.p_onset, beats.t_end),
        "AFIB": (beats.t_end[:-1], beats.impulse[1:]),  # waves of the atria between the beats
        "STACH": (beats.onset, beats.qrs_end),
        "SBRAD": (beats.onset, beats.qrs_end),
        "CLBBB": (beats.onset, beats.t_end),
        "CRBBB": (middle, beats.qrs_end),
        "PACE": (beats.impulse - 2 * SPIKE_SECONDS, beats.qrs_end),
    }
    found = []
    for code in (c for c in codes if c in SIGNS):
        starts, ends = (np.clip(edge, 0, DURATION) for edge in intervals[code])
        found += [
            Evidence(code, float(start), float(end), SIGNS[code])
            for start, end in zip(starts, ends, strict=True)
            if end - start >= SHORTEST_SIGN
        ]
    return found
