"""A patient's heart, and ten seconds of its ECG in a rhythm.

What of the ECG goes by age and sex is set after the normal records of PTB-XL's folds 1 to 8: the
frontal axis turns left by 0.75 degrees a year, T waves are lower in women and the old, chest leads
are lower in women. QT in women is 10 ms longer (Mason et al. 2007, J. Electrocardiol. 40:228).
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ecglens.datasets import atria, morphologies
from ecglens.datasets.conditions import Findings, scp_codes, visible
from ecglens.datasets.evidence import Evidence, evidence
from ecglens.datasets.heart_vector import (
    DOWER,
    INDEPENDENT,
    LEADS_OF_ELECTRODES,
    Wave,
    sum_of_waves,
    twelve_leads,
)
from ecglens.datasets.morphologies import FAR_ATRIA, INFARCTS, P_WAVES, SPIKE, U_VECTOR, Dipoles
from ecglens.datasets.noise import Noise, draw_noise
from ecglens.datasets.rhythms import Beats, complete, paced_schedule, schedule, truncated_normal
from ecglens.record import LEADS

SPIKE_SECONDS = 0.0009  # Gaussian width; 2 ms at half its height
AXIS = {  # degrees from the left, downwards: mean at the age of 0, change a year, spread
    "normal": (84, -0.75, 22), "IRBBB": (90, -0.75, 28), "LVH": (87, -0.85, 26),
    "LAFB": (-47, 0, 10), "LPFB": (102, 0, 9),
}  # fmt: skip
T_BY_RATE = 0.5  # power of the mean R-R interval (s) with which T waves grow
# Share of the QRS axis' turn that the T wave makes too: less of one that comes with age, none of
# one that a fascicle's block brings.
T_FOLLOWS = {"normal": 0.4, "IRBBB": 0.4, "LVH": 0.4, "LAFB": 0.0, "LPFB": 0.0}
PRIMARY_T = ("normal", "IRBBB", "LAFB", "LPFB")  # patterns whose T wave goes by age and sex
ATRIA_PACED = 0.35  # of pacemakers
QT = (0.390, 0.014)  # s at 60/min: mean and spread
LONG_QT = (0.490, 0.030)
PR = {  # s at 60/min
    "": (0.155, 0.022, 0.118, 0.198), "1AVB": (0.250, 0.035, 0.212, 0.36),
    "WPW": (0.100, 0.012, 0.075, 0.118),
}  # fmt: skip
# T wave and ST plateau as shares of the JT interval: start, stop, rise, fall.
T_TIMES = (0.76, 0.76, 0.185, 0.110)
ST_TIMES = (0.05, 0.42, 0.045, 0.16)
U_TIMES = (1.28, 1.28, 0.10, 0.14)


@dataclass(frozen=True)
class Beat:
    """The waves of a beat of the ventricles, in the independent leads of a chest.

    Parameters
    ----------
    seconds : float
        Duration of the QRS.
    qrs : ndarray, shape (waves, 10)
        Centre and width (s from the QRS onset), then mV in eight leads.
    repolarisation : ndarray, shape (waves, 12)
        Start, stop, rise, fall (shares of the JT interval from the QRS end), then mV.
    """

    seconds: float
    qrs: np.ndarray
    repolarisation: np.ndarray


@dataclass(frozen=True)
class Heart:
    """What stays the same in all records of a patient; see :func:`draw_heart`.

    Parameters
    ----------
    findings : Findings
    age : int
        Years.
    sex : int
        0 male, 1 female.
    pr_seconds, jt_seconds : float
        s at a rate of 60/min.
    beats : dict of str to Beat
        By kind; see :class:`ecglens.datasets.rhythms.Schedule`.
    p : dict of str to ndarray, shape (waves, 10)
        By kind: centre and width (s from the P onset), then mV in eight leads.
    spike : ndarray, shape (8,)
        mV; zero without a pacemaker.
    paces_atria : bool
        Whether a spike stands before each P wave as well, where ventricles follow atria.
    """

    findings: Findings
    age: int
    sex: int
    pr_seconds: float
    jt_seconds: float
    beats: dict[str, Beat]
    p: dict[str, np.ndarray]
    spike: np.ndarray
    paces_atria: bool


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
    noise : Noise
        What was added at the electrodes.
    """

    microvolts: np.ndarray
    beats: Beats
    evidence: list[Evidence]
    noise: Noise


def draw_heart(findings: Findings, age: int, sex: int, rng: np.random.Generator) -> Heart:
    """Return a heart with its own axis, amplitudes and durations in a chest of its own."""
    chest = DOWER * rng.normal(1, 0.12, DOWER.shape) + rng.normal(0, 0.05, DOWER.shape)
    chest[2:] *= rng.lognormal(0, 0.10, (6, 1)) * (0.90 if sex else 1.05)
    own = _own_dipoles(findings, age, sex, rng)
    long_qt = findings.repolarisation == "LNGQT"
    qt = rng.normal(*(LONG_QT if long_qt else QT)) + (0.005 if sex else -0.005)
    t_times = np.array(T_TIMES)
    if long_qt:  # late and broad, or with a long ST segment before it
        t_times = t_times + rng.uniform([-0.10, 0, -0.02, 0], [0.02, 0, 0.05, 0.03])
        t_times[1] = t_times[0]
    u_size = rng.lognormal(0, 0.5)
    beats = {"own": _in_leads(own, chest, t_times, u_size)}
    beats["rapid"] = beats["own"]
    for kind in ("ectopic", "escape"):
        beats[kind] = _in_leads(morphologies.ectopic(rng), chest, np.array(T_TIMES), u_size)
    _add_near_field(beats["own"], findings, rng)
    return Heart(
        findings, age, sex,
        truncated_normal(rng, *PR["WPW" if findings.conduction == "WPW" else findings.av]),
        max(0.22, qt - 0.09),
        beats,
        _draw_p(chest, rng),
        _draw_spike(chest, rng) if findings.conduction == "PACE" else np.zeros(8),
        bool(rng.random() < ATRIA_PACED),
    )  # fmt: skip


def simulate(heart: Heart, rhythm: str, rng: np.random.Generator, ectopy: str = "") -> Tracing:
    """Return ten seconds of the heart's ECG in a rhythm, with noise and evidence.

    Parameters
    ----------
    heart : Heart
        From :func:`draw_heart`.
    rhythm : str
        One of :data:`ecglens.datasets.rhythms.RHYTHMS`. Of a paced heart it is the atria's: SR or
        AFIB.
    rng : numpy.random.Generator
        The only source of chance.
    ectopy : {"", "PVC", "PAC"}
        Premature beats.
    """
    breath = rng.uniform(0.15, 0.4)  # Hz
    beats = _draw_beats(heart, rhythm, ectopy, breath, rng)
    leads = sum_of_waves(_waves(heart, beats, breath, rng))
    if rhythm == "AFIB":
        leads += atria.fibrillation(rng)
    elif rhythm == "AFLT":
        leads += atria.flutter(beats.flutter_cycle, beats.onset[0], rng)
    noise = draw_noise(breath, rng)
    leads += noise.electrodes @ LEADS_OF_ELECTRODES.T
    shown = visible(heart.findings, rhythm)
    found = evidence(scp_codes(heart.findings, rhythm, ectopy), beats, shown)
    return Tracing(twelve_leads(leads), beats, found, noise)


def _own_dipoles(findings: Findings, age: int, sex: int, rng: np.random.Generator) -> Dipoles:
    """Return the beat that comes from above, with everything that the findings do to it."""
    pattern = _pattern(findings)
    beat = morphologies.conducted(pattern, rng)
    if findings.hypertrophy == "RVH" and pattern == "CRBBB":
        beat = morphologies.with_late_waves(beat, rng.uniform(1.2, 1.9))
    return _diseased(_placed(beat, pattern, age, sex, rng), findings, rng)


def _pattern(findings: Findings) -> str:
    """Return which of the tables of activation the heart's own beat starts from."""
    if findings.conduction == "WPW":
        return "normal"  # what the AV node would make of it
    if findings.hypertrophy and findings.conduction in ("normal", "IRBBB"):
        return findings.hypertrophy
    return findings.conduction


def _placed(beat: Dipoles, pattern: str, age: int, sex: int, rng: np.random.Generator) -> Dipoles:
    """Turn and scale a beat as age, sex and chance would have it."""
    if pattern in AXIS:
        start, a_year, spread = AXIS[pattern]
        turn = _turn_to(beat.area, rng.normal(start + a_year * age, spread))
    else:
        turn = rng.normal(0, 0.3)
    t_turn = turn * T_FOLLOWS.get(pattern, 1.0)
    tilt = rng.normal(0, [0.18, 0.16])
    gain = rng.lognormal(0.12, 0.2) if pattern == "LVH" else rng.lognormal(0, 0.25)
    t_gain = (0.80 if sex else 1.15) * (1.12 - 0.004 * (age - 30))
    if pattern not in PRIMARY_T:
        t_gain = gain  # a secondary change of repolarisation follows the size of the QRS
    return Dipoles(
        beat.seconds,
        np.hstack([beat.qrs[:, :2], gain * _turned(beat.qrs[:, 2:], tilt, turn)]),
        t_gain * _turned(beat.t, tilt, t_turn),
        t_gain * _turned(beat.st, tilt, t_turn),
    )


def _diseased(beat: Dipoles, findings: Findings, rng: np.random.Generator) -> Dipoles:
    """Return the beat after pre-excitation, strain, infarct and ischaemia, in the chest's axes."""
    if findings.conduction == "WPW":
        beat = morphologies.preexcited(beat, rng)
    if findings.strain:
        beat = morphologies.strained(beat, rng)
    if findings.infarct:
        beat = morphologies.infarcted(beat, findings.infarct, findings.stage, rng)
    if findings.repolarisation in morphologies.REPOLARISATION:
        beat = morphologies.repolarised(beat, findings.repolarisation, rng)
    if findings.repolarisation == "LNGQT":
        lower = rng.uniform(0.5, 1.0)
        beat = Dipoles(beat.seconds, beat.qrs, lower * beat.t, lower * beat.st)
    return beat


def _turn_to(area: np.ndarray, axis: float) -> float:
    """Return the angle (rad) about z that gives a QRS area (3,) a frontal axis in degrees.

    The axis is what I and aVF show, and Dower's limb leads are neither at right angles nor in the
    frontal plane: the angle is sought among all, by the degree.
    """
    x, y, z = area
    turns = np.radians(np.arange(-180, 180))
    turned = np.stack([
        x * np.cos(turns) - y * np.sin(turns),
        x * np.sin(turns) + y * np.cos(turns),
        np.full(len(turns), z),
    ])  # fmt: skip
    one, two = DOWER[:2] @ turned
    shown = np.degrees(np.arctan2(2 / np.sqrt(3) * (two - one / 2), one))
    return turns[np.abs((shown - axis + 180) % 360 - 180).argmin()]


def _turned(vectors: np.ndarray, tilt: np.ndarray, turn: float) -> np.ndarray:
    """Turn vectors (..., 3) by small angles about x and y, then by an angle (rad) about z."""
    tilted = vectors @ Rotation.from_rotvec([*tilt, 0]).as_matrix().T
    return tilted @ Rotation.from_rotvec([0, 0, turn]).as_matrix().T


def _in_leads(beat: Dipoles, chest: np.ndarray, t_times: np.ndarray, u_size: float) -> Beat:
    """Project a beat onto the independent leads of a chest (8, 3), with a U wave after the T."""
    qrs = np.hstack([beat.qrs[:, :2], beat.qrs[:, 2:] @ chest.T])
    vectors = np.stack([beat.t, beat.st, u_size * np.array(U_VECTOR)])
    times = np.stack([t_times, ST_TIMES, U_TIMES])
    return Beat(beat.seconds, qrs, np.hstack([times, vectors @ chest.T]))


def _add_near_field(beat: Beat, findings: Findings, rng: np.random.Generator) -> None:
    """Deepen the Q waves of the chest leads that lie on an infarct, beyond what a dipole can."""
    near = INFARCTS[findings.infarct][2] if findings.infarct else ()
    for lead in near:
        beat.qrs[-1, 2 + INDEPENDENT.index(LEADS.index(lead))] -= rng.uniform(0.0, 0.25)


def _draw_p(chest: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the waves of the atria by where they start: above, elsewhere, at the AV node."""
    waves = np.array(P_WAVES)
    waves[:, 2:] *= rng.lognormal(0, 0.35) * rng.normal(1, 0.2, (len(waves), 3))
    ectopic, retrograde = waves.copy(), waves.copy()
    ectopic[:, 2:] = _turned(waves[:, 2:], rng.normal(0, 0.5, 2), rng.choice([-1, 1]) * 1.1)
    retrograde[:, 2:] *= (0.4, -1.0, 1.0)
    atrial = chest * np.array(FAR_ATRIA)[:, None]
    kinds = {"sinus": waves, "ectopic": ectopic, "retrograde": retrograde}
    return {kind: np.hstack([w[:, :2], w[:, 2:] @ atrial.T]) for kind, w in kinds.items()}


def _draw_spike(chest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a pacing impulse: small from a bipolar electrode, huge from a unipolar one."""
    size = np.exp(rng.uniform(np.log(0.30), np.log(7.0)))
    spike = size * chest @ (np.array(SPIKE) * rng.normal(1, 0.3, 3))
    spike[2:] *= 0.6  # the generator lies under the skin, nearer to the arms than to V1 to V6
    return spike


def _draw_beats(
    heart: Heart, rhythm: str, ectopy: str, breath: float, rng: np.random.Generator
) -> Beats:
    paced = heart.findings.conduction == "PACE"
    if paced:
        made = paced_schedule(rhythm == "AFIB", breath, rng)
    else:
        made = schedule(
            rhythm, ectopy, pr=heart.pr_seconds, breath=breath, female=bool(heart.sex), rng=rng
        )
    durations = {kind: beat.seconds for kind, beat in heart.beats.items()}
    return complete(made, paced, durations, heart.jt_seconds, rng.uniform(0.012, 0.03))


def _waves(heart: Heart, beats: Beats, breath: float, rng: np.random.Generator) -> list[Wave]:
    """Return every wave of the record; breathing swells the ventricles' ones."""
    depth, phase = rng.uniform(0.01, 0.07), rng.uniform(0, 2 * np.pi)
    swell = 1 + depth * np.sin(2 * np.pi * breath * beats.onset + phase)
    # Fast hearts have low T waves.
    t_swell = swell * np.diff(beats.onset).mean() ** T_BY_RATE
    waves = []
    for kind in np.unique(beats.kind):
        chosen = beats.kind == kind
        onset, end = beats.onset[chosen], beats.qrs_end[chosen]
        jt = beats.t_end[chosen] - end
        beat = heart.beats[str(kind)]
        waves += [_peak(onset, w, swell[chosen]) for w in beat.qrs]
        waves += [
            Wave(end + w[0] * jt, end + w[1] * jt, w[2] * jt, w[3] * jt, t_swell[chosen], w[4:])
            for w in beat.repolarisation
        ]
    for kind in np.unique(beats.p_kind):
        onset = beats.p_onset[beats.p_kind == kind]
        waves += [_peak(onset, w, np.ones(len(onset))) for w in heart.p[str(kind)]]
    if heart.spike.any():
        impulses = beats.impulse
        if heart.paces_atria:
            impulses = np.append(impulses, beats.p_onset[beats.conducted])
        spike = np.array([0, SPIKE_SECONDS, *heart.spike])
        waves.append(_peak(impulses, spike, np.ones(len(impulses))))
    return waves


def _peak(onset: np.ndarray, wave: np.ndarray, size: np.ndarray) -> Wave:
    """Return a symmetric wave without plateau at each onset."""
    centre, width = onset + wave[0], np.full(len(onset), wave[1])
    return Wave(centre, centre, width, width, size, wave[2:])
