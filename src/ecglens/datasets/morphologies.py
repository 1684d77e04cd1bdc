"""What each disease does to the heart vector of a beat, as tables of dipoles.

Numbers of the tables are set so that the median beats of simulated records lie where those of
PTB-XL's folds 1 to 8 lie, in amplitude, axis, ST level and T wave.
"""

from dataclasses import dataclass

import numpy as np

# Ventricular activation: centre and width as fractions of the QRS duration, then x, y, z in mV.
QRS_WAVES = {
    "normal": (
        (0.27, 0.095, -0.10, -0.05, -0.27),  # septum, to the right and front
        (0.42, 0.095, 0.74, 0.22, -0.05),  # apex and free walls
        (0.51, 0.085, 0.78, 0.42, 0.32),
        (0.64, 0.100, -0.24, 0.00, 0.58),  # base, behind
        (0.86, 0.055, -0.16, 0.00, -0.18),  # right outflow tract; absent in most hearts
    ),
    "IRBBB": (
        (0.24, 0.095, -0.07, -0.03, -0.24),
        (0.37, 0.085, 0.72, 0.22, -0.10),
        (0.46, 0.080, 0.68, 0.26, 0.30),
        (0.58, 0.090, -0.26, 0.00, 0.26),
        (0.80, 0.080, -0.34, -0.05, -0.24),
    ),
    "CRBBB": (
        (0.13, 0.070, -0.06, 0.00, -0.20),
        (0.27, 0.072, 1.05, 0.18, -0.20),
        (0.41, 0.060, -0.08, 0.06, 0.16),
        (0.60, 0.110, -0.32, -0.03, -0.66),  # the right ventricle, last and unopposed
        (0.80, 0.095, -0.20, 0.01, -0.22),
    ),
    "CLBBB": (
        (0.12, 0.065, 0.05, 0.02, -0.25),
        (0.27, 0.085, 0.72, 0.10, 0.55),  # the two summits of the notched R in I, aVL, V5, V6
        (0.43, 0.120, 0.22, 0.05, 2.15),  # slow spread to the left ventricle, behind
        (0.63, 0.095, 0.68, -0.30, 0.60),
        (0.83, 0.075, 0.05, -0.12, 0.20),
    ),
    "LAFB": (
        (0.25, 0.090, 0.00, 0.10, -0.22),  # first the lower wall, then up and left
        (0.39, 0.090, 1.00, -0.04, -0.05),
        (0.53, 0.095, 0.00, -0.32, 0.52),
        (0.69, 0.100, -0.30, -0.24, 0.42),
    ),
    "LPFB": (
        (0.23, 0.090, 0.18, -0.10, -0.16),  # first the upper wall, then down and right
        (0.40, 0.090, 0.70, 0.26, -0.08),
        (0.53, 0.095, -0.15, 0.42, 0.40),
        (0.70, 0.100, -0.42, 0.14, 0.18),
    ),
    "CRBBB+LAFB": (
        (0.13, 0.070, -0.06, 0.20, -0.20),
        (0.27, 0.072, 1.02, -0.10, -0.15),
        (0.41, 0.065, 0.05, -0.55, 0.28),
        (0.60, 0.110, -0.32, -0.30, -0.62),
        (0.80, 0.095, -0.20, -0.12, -0.22),
    ),
    "CRBBB+LPFB": (
        (0.13, 0.070, 0.14, -0.12, -0.16),
        (0.27, 0.075, 0.72, 0.36, -0.15),
        (0.41, 0.070, -0.20, 0.62, 0.30),
        (0.60, 0.110, -0.46, 0.16, -0.62),
        (0.80, 0.095, -0.30, 0.06, -0.18),
    ),
    "PACE": (
        (0.16, 0.065, 0.16, -0.15, -0.05),
        (0.36, 0.110, 0.08, -0.75, 0.55),  # from the apex of the right ventricle upwards
        (0.60, 0.120, -0.30, -0.85, 0.95),
        (0.82, 0.075, -0.12, -0.25, 0.28),
    ),
    "LVH": (
        (0.25, 0.095, -0.17, -0.06, -0.36),
        (0.42, 0.100, 1.00, 0.34, 0.02),
        (0.51, 0.090, 1.05, 0.42, 0.42),
        (0.65, 0.100, -0.20, 0.04, 0.72),
    ),
    "RVH": (
        (0.18, 0.075, 0.05, -0.05, -0.28),
        (0.34, 0.085, 0.95, 0.28, -0.22),
        (0.51, 0.090, -0.28, 0.12, -0.05),
        (0.68, 0.110, -0.50, 0.06, -0.50),  # the right ventricle outweighs the left
    ),
}
# fmt: off
QRS_SECONDS = {
    "normal": (0.075, 0.110), "IRBBB": (0.098, 0.119), "CRBBB": (0.122, 0.150),
    "CLBBB": (0.130, 0.178), "LAFB": (0.088, 0.118), "LPFB": (0.088, 0.118),
    "CRBBB+LAFB": (0.124, 0.158), "CRBBB+LPFB": (0.124, 0.158), "PACE": (0.145, 0.190),
    "LVH": (0.085, 0.120), "RVH": (0.085, 0.115), "WPW": (0.112, 0.155), "ectopic": (0.130, 0.185),
}
T_VECTOR = {  # mV; a change of repolarisation that the activation brings with it
    "normal": (0.31, 0.15, -0.16), "IRBBB": (0.29, 0.13, -0.09), "CRBBB": (0.40, 0.16, 0.10),
    "CLBBB": (-0.12, -0.04, -0.88), "LAFB": (0.28, 0.14, -0.17), "LPFB": (0.26, 0.10, -0.06),
    "CRBBB+LAFB": (0.28, 0.16, 0.08), "CRBBB+LPFB": (0.26, 0.02, 0.10),
    "PACE": (0.08, 0.32, -0.38), "LVH": (0.32, 0.13, -0.22), "RVH": (0.28, 0.10, 0.05),
}
ST_SHARE = {"CLBBB": 0.45, "PACE": 0.45}  # of the T vector
ST_VECTOR = (0.005, 0.005, -0.05)  # mV, in the others; early repolarisation, to the front
WITHOUT_ST = ("CRBBB", "CRBBB+LAFB", "CRBBB+LPFB", "RVH")
U_VECTOR = (0.012, 0.006, -0.018)  # mV
# fmt: on

# The accessory pathway's site: direction of the wave that starts there, and how often it is.
PATHWAYS = {
    "posteroseptal": ((0.75, -0.55, -0.40), 0.50),
    "left lateral": ((-0.40, 0.55, -0.65), 0.20),
    "right free wall": ((0.85, -0.20, 0.30), 0.15),
    "anteroseptal": ((0.65, 0.65, 0.25), 0.15),
}
# The focus of a ventricular beat: direction in which the wave leaves it, and how often it is.
FOCI = {
    "right outflow tract": ((0.25, 0.85, 0.45), 0.35),  # like left bundle branch block, axis down
    "right apex": ((0.45, -0.60, 0.65), 0.20),
    "left free wall": ((-0.75, 0.20, -0.45), 0.25),  # like right bundle branch block
    "left lower wall": ((0.10, -0.75, -0.60), 0.20),
}
# Where an infarct is: direction towards it, how much activation it takes (mV), leads near it.
INFARCTS = {
    "IMI": ((0.05, 1.00, 0.15), 0.32, ()),
    "ILMI": ((0.60, 0.75, 0.15), 0.62, ("V5", "V6")),
    "LMI": ((0.85, -0.22, -0.35), 0.70, ("V5", "V6")),
    "ALMI": ((0.85, -0.05, -0.45), 1.10, ("V3", "V4", "V5")),
    "AMI": ((0.35, 0.05, -0.92), 0.48, ("V3", "V4")),
    "ASMI": ((0.30, 0.05, -0.94), 0.62, ("V2", "V3", "V4")),
}
# Region of a repolarisation change; ST and T along it in mV: lowest and highest.
REPOLARISATION = {
    "NDT": ((0.85, 0.35, 0.00), (-0.04, 0.01), (-0.08, 0.12)),
    "STD_": ((0.88, 0.30, 0.25), (-0.15, -0.05), (-0.08, 0.15)),
    "STE_": ((0.30, 0.25, -0.90), (0.09, 0.24), (0.25, 0.55)),
    "ISC_": ((0.90, 0.30, 0.22), (-0.17, -0.04), (-0.26, 0.00)),
    "ISCAL": ((0.92, -0.05, 0.05), (-0.10, -0.02), (-0.26, -0.04)),
    "ISCIN": ((0.35, 0.93, 0.05), (-0.09, -0.02), (-0.16, 0.02)),
    "ISCAS": ((0.35, 0.05, -0.93), (-0.08, 0.00), (-0.32, -0.04)),
}
P_WAVES = (  # s after the P onset, width s, x, y, z mV: right atrium, then left
    (0.038, 0.017, 0.060, 0.056, -0.06),
    (0.066, 0.019, 0.080, 0.042, 0.03),
    (0.200, 0.075, -0.035, -0.036, 0.01),  # their repolarisation, below PR and ST segment
)
FAR_ATRIA = (1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5)  # they lie behind: weak in V2 to V6
P_SECONDS = 0.11
SPIKE = (0.85, 0.45, -0.05)  # direction of the pacing impulse, towards the apex


@dataclass(frozen=True)
class Dipoles:
    """A beat of the ventricles before it reaches the leads.

    Parameters
    ----------
    seconds : float
        Duration of the QRS.
    qrs : ndarray, shape (waves, 5)
        Centre and width (s from the QRS onset), then x, y, z (mV).
    t, st : ndarray, shape (3,)
        mV.
    """

    seconds: float
    qrs: np.ndarray
    t: np.ndarray
    st: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """The QRS area (3,) in mV·s, by which axis and secondary T wave go."""
        return np.sqrt(2 * np.pi) * self.qrs[:, 1] @ self.qrs[:, 2:]


def conducted(pattern: str, rng: np.random.Generator) -> Dipoles:
    """Return a beat that comes from above, conducted as the pattern of :data:`QRS_WAVES` says."""
    seconds = rng.uniform(*QRS_SECONDS[pattern])
    qrs = np.array(QRS_WAVES[pattern])
    qrs[:, :2] *= seconds
    qrs[:, 2:] *= rng.normal(1, 0.2, (len(qrs), 3))
    qrs[:, 2:] += rng.normal(0, 0.07, (len(qrs), 3))
    if pattern == "normal":
        qrs[-1, 2:] *= max(0, rng.normal())  # a healthy rSr' in V1 that is no block
    t = np.array(T_VECTOR[pattern]) * rng.normal(1, 0.2, 3) * rng.lognormal(0, 0.35)
    if pattern in ST_SHARE:
        return Dipoles(seconds, qrs, t, ST_SHARE[pattern] * t)
    st = np.zeros(3) if pattern in WITHOUT_ST else np.array(ST_VECTOR) * rng.lognormal(0, 0.4)
    return Dipoles(seconds, qrs, t, st)


def preexcited(normal: Dipoles, rng: np.random.Generator) -> Dipoles:
    """Return the fusion of a normal beat with an early, slow wave from an accessory pathway."""
    direction = _one_of(PATHWAYS, rng, spread=0.2)
    seconds = rng.uniform(*QRS_SECONDS["WPW"])
    share = rng.uniform(0.5, 1.0)  # of the ventricles that the pathway activates
    late = normal.qrs.copy()
    late[:, 0] += max(0.0, seconds - normal.seconds)
    late[:, 2:] *= 1 - 0.55 * share
    slow = np.array([(0.17, 0.09, 0.30), (0.34, 0.10, 0.70), (0.55, 0.11, 1.75)])
    early = np.hstack([slow[:, :2] * seconds, share * slow[:, 2:] * direction])
    fused = Dipoles(seconds, np.vstack([early, late]), normal.t, normal.st)
    return _with_secondary_t(fused, 0.6 * share, rng)


def ectopic(rng: np.random.Generator) -> Dipoles:
    """Return a beat from a focus in the ventricles: wide, tall, with an opposite T wave."""
    direction = _one_of(FOCI, rng, spread=0.25)
    turned = direction + rng.normal(0, 0.35, (4, 3))
    height = np.array([0.30, 1.15, 0.95, 0.25]) * rng.lognormal(0.15, 0.3)
    shape = np.array([(0.17, 0.07), (0.39, 0.11), (0.63, 0.11), (0.84, 0.07)])
    seconds = rng.uniform(*QRS_SECONDS["ectopic"])
    qrs = np.hstack([shape * seconds, height[:, None] * turned])
    return _with_secondary_t(Dipoles(seconds, qrs, np.zeros(3), np.zeros(3)), 1.0, rng)


def _with_secondary_t(beat: Dipoles, share: float, rng: np.random.Generator) -> Dipoles:
    """Turn ST and T against the QRS area, as far as activation went the wrong way."""
    against = -beat.area / np.sqrt(np.pi / 2) / beat.seconds  # about the mean wave's height
    t = (1 - share) * beat.t + share * rng.uniform(0.45, 0.90) * against
    st = (1 - share) * beat.st + share * rng.uniform(0.10, 0.25) * against
    return Dipoles(beat.seconds, beat.qrs, t, st)


def infarcted(beat: Dipoles, code: str, stage: str, rng: np.random.Generator) -> Dipoles:
    """Take an infarct's muscle out of a beat: Q waves, and ST and T by stage.

    Parameters
    ----------
    beat : Dipoles
    code : str
        A key of :data:`INFARCTS`.
    stage : {"acute", "recent", "old"}
        Injury current towards the infarct; T wave away from it; T wave low at most.
    """
    towards, loss, _ = INFARCTS[code]
    towards = np.array(towards) + rng.normal(0, 0.12, 3)
    size = loss * rng.lognormal(0, 0.35)
    # The dead muscle would have been active early: what it lacks is a wave away from it.
    lost = -size * towards
    rows = [
        (rng.uniform(0.26, 0.36) * beat.seconds, 0.10 * beat.seconds, *(0.6 * lost)),
        (rng.uniform(0.42, 0.52) * beat.seconds, 0.10 * beat.seconds, *(0.6 * lost)),
    ]
    along = {"acute": (0.10, 0.35), "recent": (-0.35, -0.10), "old": (-0.08, 0.16)}[stage]
    st = {"acute": (0.10, 0.30), "recent": (0.0, 0.08), "old": (-0.02, 0.04)}[stage]
    t = _set_along(beat.t, towards, rng.uniform(*along))
    return Dipoles(
        beat.seconds, np.vstack([beat.qrs, rows]), t, beat.st + rng.uniform(*st) * towards
    )


def repolarised(beat: Dipoles, code: str, rng: np.random.Generator) -> Dipoles:
    """Return the beat with an ST-T change of :data:`REPOLARISATION`; the QRS stays."""
    region, st, t = REPOLARISATION[code]
    region = np.array(region) + rng.normal(0, 0.15, 3)
    level = rng.uniform(*st)
    new_t = _set_along(beat.t, region, rng.uniform(*t))
    return Dipoles(beat.seconds, beat.qrs, new_t, _set_along(beat.st, region, level))


def strained(beat: Dipoles, rng: np.random.Generator) -> Dipoles:
    """Return a hypertrophied beat whose ST and T turn against the QRS."""
    against = -beat.area / np.linalg.norm(beat.area)
    t = _set_along(beat.t, against, rng.uniform(0.10, 0.32))
    return Dipoles(beat.seconds, beat.qrs, t, beat.st + rng.uniform(0.05, 0.16) * against)


def with_late_waves(beat: Dipoles, factor: float) -> Dipoles:
    """Return a beat whose later half, the right ventricle's in a right block, is the larger."""
    qrs = beat.qrs.copy()
    qrs[qrs[:, 0] > beat.seconds / 2, 2:] *= factor
    return Dipoles(beat.seconds, qrs, beat.t, beat.st)


def _set_along(vector: np.ndarray, direction: np.ndarray, length: float) -> np.ndarray:
    """Return the vector with its part along a direction replaced."""
    unit = direction / np.linalg.norm(direction)
    return vector + (length - vector @ unit) * unit


def _one_of(table: dict, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Draw a direction of a table by its share, and turn it a little."""
    names = list(table)
    name = names[rng.choice(len(names), p=[table[n][1] for n in names])]
    direction = np.array(table[name][0]) + rng.normal(0, spread, 3)
    return direction / np.linalg.norm(direction)
