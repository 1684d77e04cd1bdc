"""When the atria and the ventricles beat, for every rhythm of the simulator."""

from dataclasses import dataclass, replace

import numpy as np

from ecglens.datasets.heart_vector import DURATION

SINUS = ("SR", "STACH", "SBRAD")
RATE = {  # per min: mean, spread, lowest, highest. Of an AV block it is the atria's rate.
    "SR": (68, 10.5, 55.5, 96), "STACH": (111, 12, 101.5, 150), "SBRAD": (49.5, 4, 35.5, 54.5),
    "AFIB": (88, 23, 50, 165), "SVTAC": (158, 20, 125, 205), "PSVT": (160, 20, 125, 205),
    "VTACH": (165, 22, 122, 220), "PACE": (71, 9, 50, 110), "2AVB1": (76, 10, 58, 104),
    "2AVB2": (80, 11, 60, 110), "2AVB": (88, 12, 64, 120), "3AVB": (85, 14, 58, 125),
    "3AVB wide": (88, 14, 60, 125),
}  # fmt: skip
RHYTHMS = ("SR", "STACH", "SBRAD", "AFIB", "AFLT", "SVTAC", "PSVT", "VTACH",
           "2AVB1", "2AVB2", "2AVB", "3AVB", "3AVB wide")  # fmt: skip
ESCAPE_RATE = {"3AVB": (46, 8, 32, 62), "3AVB wide": (35, 5, 24, 45)}  # per min
FEMALE_RATE = 2.0  # per min above, where the sinus node leads; in PTB-XL's normal records
FLUTTER_CYCLE = (0.195, 0.265)  # s
CONDUCTION_RATIOS = ((2,), (4,), (3,), (2, 4), (2, 3, 4))
RATIO_SHARES = (0.50, 0.16, 0.08, 0.14, 0.12)
BEFORE = 3.0  # s that the rhythm runs before the record begins
AFTER = 2.0


@dataclass(frozen=True)
class Schedule:
    """Onsets of the waves (s), in order.

    Parameters
    ----------
    onset : ndarray, shape (beats,)
        Of the QRS.
    kind : ndarray of str, shape (beats,)
        "own" for the heart's usual beat, "rapid" for the same in a tachycardia, "ectopic" from a
        focus in the ventricles, "escape" likewise, when nothing else comes.
    p_onset : ndarray, shape (p waves,)
    p_kind : ndarray of str, shape (p waves,)
        "sinus", "ectopic" or "retrograde".
    conducted : ndarray of bool, shape (p waves,)
        Whether a QRS follows.
    flutter_cycle : float
        s; 0 without flutter.
    """

    onset: np.ndarray
    kind: np.ndarray
    p_onset: np.ndarray
    p_kind: np.ndarray
    conducted: np.ndarray
    flutter_cycle: float = 0.0


@dataclass(frozen=True)
class Beats:
    """A schedule with the ends of its waves (s), cut to what touches the record."""

    impulse: np.ndarray  # pacing spike; the QRS onset without a pacemaker
    onset: np.ndarray
    qrs_end: np.ndarray
    t_end: np.ndarray
    kind: np.ndarray
    p_onset: np.ndarray
    p_kind: np.ndarray
    conducted: np.ndarray
    flutter_cycle: float = 0.0


def schedule(
    rhythm: str,
    ectopy: str,
    *,
    pr: float,
    breath: float,
    female: bool,
    rng: np.random.Generator,
) -> Schedule:
    """Return when a heart beats.

    Parameters
    ----------
    rhythm : str
        One of :data:`RHYTHMS`.
    ectopy : {"", "PVC", "PAC"}
        PAC needs a rhythm of :data:`SINUS`.
    pr : float
        From P to QRS at 60/min, s.
    breath : float
        Hz.
    female : bool
    rng : numpy.random.Generator
    """
    if rhythm == "AFLT":
        made = _flutter(rng)
    else:
        centre, *rest = RATE[rhythm]
        shift = FEMALE_RATE * (female - 0.5) if rhythm == "SR" else 0.0
        mean = 60 / truncated_normal(rng, centre + shift, *rest)
        if rhythm in SINUS:
            made = _sinus(mean, pr, breath, rng, premature=ectopy == "PAC")
        elif rhythm == "AFIB":
            made = _fibrillation(mean, rng)
        elif rhythm.startswith("2AVB"):
            made = _second_degree(rhythm, mean, pr, rng)
        elif rhythm.startswith("3AVB"):
            made = _third_degree(rhythm, mean, rng)
        elif rhythm == "VTACH":
            made = _ventricular_tachycardia(mean, rng)
        else:
            made = _supraventricular_tachycardia(rhythm, mean, pr, breath, rng)
    return _with_ventricular_beats(made, rhythm, rng) if ectopy == "PVC" else made


def paced_schedule(atria_fibrillate: bool, breath: float, rng: np.random.Generator) -> Schedule:
    """Return a pacemaker's beats: after each P wave, or at a rate of its own."""
    mean = 60 / truncated_normal(rng, *RATE["PACE"])
    follows = not atria_fibrillate and rng.random() < 0.6
    steps = _sinus_steps(mean, breath, rng) if follows else np.full(_count(mean), mean)
    onset = _times(steps, mean, rng)
    if atria_fibrillate:
        p = np.empty(0)
    elif follows:
        p = onset - rng.uniform(0.12, 0.20)
    else:
        p = np.arange(-BEFORE + rng.random(), DURATION + AFTER, 60 / rng.uniform(55, 95))
    return _schedule(onset, "own", p, conducted=follows)


def complete(made: Schedule, paced: bool, qrs: dict[str, float], jt: float, delay: float) -> Beats:
    """Add the ends of the waves.

    Parameters
    ----------
    made : Schedule
        Its beats are the pacemaker's impulses where ``paced``.
    qrs : dict of str to float
        QRS duration of each kind of beat, s.
    jt : float
        From QRS end to T end at 60/min, s.
    delay : float
        From impulse to QRS, s.
    """
    onset = made.onset + delay if paced else made.onset
    interval = np.diff(onset, prepend=2 * onset[0] - onset[1])
    qrs_end = onset + np.array([qrs[kind] for kind in made.kind])
    # Half of the adaptation to rate follows the last beat, half the mean of many (Fridericia).
    t_end = qrs_end + jt * np.cbrt((interval + interval.mean()) / 2)
    near = (np.append(t_end[1:], np.inf) > 0) & (np.append(-np.inf, onset[:-1]) < DURATION)
    p_near = (made.p_onset > -0.5) & (made.p_onset < DURATION)
    return Beats(
        made.onset[near], onset[near], qrs_end[near], t_end[near], made.kind[near],
        made.p_onset[p_near], made.p_kind[p_near], made.conducted[p_near], made.flutter_cycle,
    )  # fmt: skip


def truncated_normal(
    rng: np.random.Generator, centre: float, spread: float, lowest: float, highest: float
) -> float:
    """Draw from a normal distribution until the value lies within bounds."""
    while True:
        value = rng.normal(centre, spread)
        if lowest <= value <= highest:
            return float(value)


def _schedule(onset, kind, p_onset=(), p_kind="sinus", conducted=True, cycle=0.0) -> Schedule:
    p_onset = np.asarray(p_onset, float)
    return Schedule(
        np.asarray(onset, float),
        np.array(np.broadcast_to(kind, len(onset)), dtype="U10"),
        p_onset,
        np.array(np.broadcast_to(p_kind, p_onset.shape), dtype="U10"),
        np.array(np.broadcast_to(conducted, p_onset.shape), bool),
        cycle,
    )


def _count(mean: float) -> int:
    return int((BEFORE + DURATION + AFTER) / mean * 1.4) + 8


def _times(steps: np.ndarray, mean: float, rng: np.random.Generator) -> np.ndarray:
    return np.cumsum(steps) - steps[0] - BEFORE + rng.random() * mean


def _sinus_steps(mean: float, breath: float, rng: np.random.Generator) -> np.ndarray:
    """Return P-P intervals (s) with respiratory arrhythmia and the 0.1 Hz wave of blood pressure.

    Both shrink at a fast rate, when the vagus is silent.
    """
    time = mean * np.arange(_count(mean))
    depth = rng.uniform(0.005, 0.10) * min(1, mean**2)
    phase = rng.uniform(0, 2 * np.pi, 2)
    sway = depth * np.sin(2 * np.pi * breath * time + phase[0])
    sway += 0.4 * depth * np.sin(2 * np.pi * 0.1 * time + phase[1])
    steps = 1 + sway + rng.normal(0, 0.006, len(time))
    return mean * steps / steps.mean()


def _sinus(
    mean: float, pr: float, breath: float, rng: np.random.Generator, *, premature: bool
) -> Schedule:
    p, kind = _times(_sinus_steps(mean, breath, rng), mean, rng), "sinus"
    if premature:
        p, kind = _premature(p, rng)
    return _schedule(p + pr * min(1, mean) ** 0.4, "own", p, kind)


def _premature(p: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return times and kinds of P waves of which one to three come too early, from elsewhere.

    The early P wave resets the sinus node: the pause after it does not make up for it.
    """
    choice = np.flatnonzero((p > 1.5) & (p < DURATION - 1.5))[::2]
    places = rng.choice(choice, min(len(choice), int(rng.integers(1, 4))), replace=False)
    steps = np.diff(p)
    steps[places - 1] = np.maximum(0.34, steps[places - 1] * rng.uniform(0.52, 0.76, len(places)))
    steps[places] *= rng.uniform(1.02, 1.25, len(places))
    kind = np.full(len(p), "sinus", "U10")
    kind[places] = "ectopic"
    return np.append(p[0], p[0] + np.cumsum(steps)), kind


def _fibrillation(mean: float, rng: np.random.Generator) -> Schedule:
    """Return R-R intervals without any order, none below the AV node's recovery."""
    spread = rng.uniform(0.13, 0.28)
    steps = np.maximum(0.30, rng.gamma(1 / spread**2, mean * spread**2, 2 * _count(mean)))
    return _schedule(_times(steps, mean, rng), "own")


def _flutter(rng: np.random.Generator) -> Schedule:
    cycle = rng.uniform(*FLUTTER_CYCLE)
    ratios = CONDUCTION_RATIOS[rng.choice(len(RATIO_SHARES), p=RATIO_SHARES)]
    steps = cycle * rng.choice(ratios, _count(2 * cycle))
    return _schedule(_times(steps, 4 * cycle, rng), "own", cycle=cycle)


def _supraventricular_tachycardia(
    rhythm: str, mean: float, pr: float, breath: float, rng: np.random.Generator
) -> Schedule:
    """Return a regular narrow tachycardia; the paroxysmal one starts or stops in the record."""
    steps = mean * rng.normal(1, 0.004, _count(mean))
    onset = _times(steps, mean, rng)
    p = onset + rng.uniform(0.06, 0.13) if rng.random() < 0.6 else ()
    rapid = _schedule(onset, "rapid", p, "retrograde", conducted=False)
    if rhythm != "PSVT":
        return rapid
    sinus = _sinus(60 / rng.uniform(60, 95), pr, breath, rng, premature=False)
    turn = rng.uniform(3.0, 7.0)
    if rng.random() < 0.5:
        return _joined(sinus, rapid, turn, gap=rng.uniform(0.36, 0.5))
    return _joined(rapid, sinus, turn, gap=rng.uniform(0.9, 1.6))


def _joined(first: Schedule, second: Schedule, turn: float, gap: float) -> Schedule:
    """Return one rhythm until a time, then another whose first beat comes a gap (s) later."""
    last = first.onset[first.onset < turn][-1]
    shift = last + gap - second.onset[second.onset > turn][0]
    keep, take = first.onset <= last, second.onset + shift > last + gap / 2
    # A P wave before the last beat of the first rhythm, or close behind if it comes from it.
    p_keep = first.p_onset <= last + np.where(first.p_kind == "retrograde", 0.2, 0.0)
    lead = np.where(second.p_kind == "sinus", 0.4, 0.0)
    p_take = second.p_onset + shift > last + gap - lead
    return Schedule(
        np.append(first.onset[keep], second.onset[take] + shift),
        np.append(first.kind[keep], second.kind[take]),
        np.append(first.p_onset[p_keep], second.p_onset[p_take] + shift),
        np.append(first.p_kind[p_keep], second.p_kind[p_take]),
        np.append(first.conducted[p_keep], second.conducted[p_take]),
    )


def _ventricular_tachycardia(mean: float, rng: np.random.Generator) -> Schedule:
    """Return a regular tachycardia of the ventricles; the atria go on by themselves."""
    steps = mean * rng.normal(1, 0.012, _count(mean))
    p = np.arange(-BEFORE + rng.random(), DURATION + AFTER, 60 / rng.uniform(62, 105))
    return _schedule(_times(steps, mean, rng), "ectopic", p, conducted=False)


def _second_degree(rhythm: str, mean: float, pr: float, rng: np.random.Generator) -> Schedule:
    """Return P waves of which some are not conducted.

    2AVB1 (Mobitz I, Wenckebach): PR grows, by less each time, until a beat drops. 2AVB2 (Mobitz
    II): PR stays and a beat drops. 2AVB: every second drops, which may be either.
    """
    p = _times(mean * rng.normal(1, 0.01, _count(mean)), mean, rng)
    growth = rng.uniform(0.06, 0.13) if rhythm == "2AVB1" else 0.0
    delay = np.full(len(p), np.nan)
    first = 0
    usual = rng.integers(3, 5)
    while first < len(p):
        length = 2 if rhythm == "2AVB" else max(3, usual + rng.integers(-1, 2))
        conducted = np.arange(min(length - 1, len(p) - first))
        delay[first + conducted] = pr + growth * (1 - 0.5**conducted) * 2
        first += length
    through = ~np.isnan(delay)
    return _schedule((p + delay)[through], "own", p, conducted=through)


def _third_degree(rhythm: str, mean: float, rng: np.random.Generator) -> Schedule:
    """Return atria and ventricles that beat apart; the escape is junctional, or wide from below."""
    slow = 60 / truncated_normal(rng, *ESCAPE_RATE[rhythm])
    onset = _times(slow * rng.normal(1, 0.012, _count(slow)), slow, rng)
    p = _times(mean * rng.normal(1, 0.012, _count(mean)), mean, rng)
    return _schedule(onset, "escape" if rhythm == "3AVB wide" else "own", p, conducted=False)


def _with_ventricular_beats(made: Schedule, rhythm: str, rng: np.random.Generator) -> Schedule:
    """Insert premature ventricular beats of one focus: single, paired, or every second or third.

    The beat that would follow finds the ventricles refractory; the P wave goes on in its time, so
    that the pause is compensatory.
    """
    gaps = np.diff(made.onset, append=np.inf)
    coupling = min(rng.uniform(0.36, 0.56), 0.72 * np.median(gaps))
    fits = (gaps > 1.2 * coupling) & (made.onset > -0.2) & (made.onset < DURATION - 1)
    places = np.flatnonzero(fits)
    pattern = rng.choice(["single", "pair", "second", "third"], p=[0.66, 0.12, 0.12, 0.10])
    if pattern in ("second", "third"):
        places = places[rng.integers(2) :: 2 if pattern == "second" else 3]
    else:
        wanted = 1 if pattern == "pair" else int(rng.integers(1, 4))
        places = np.sort(rng.permutation(places[::2])[:wanted])
    early = made.onset[places] + coupling + rng.normal(0, 0.008, len(places))
    if pattern == "pair":
        early = np.sort(np.append(early, early + rng.uniform(0.40, 0.5)))
    # Sinus beats: until the P wave after next. Others: until the ventricles have recovered.
    rest = 1.35 * np.median(gaps) - coupling if rhythm in SINUS else 0.42
    after = made.onset[:, None] - early
    blocked = ((after > -0.1) & (after < rest)).any(axis=1)
    onset = np.append(made.onset[~blocked], early)
    order = np.argsort(onset)
    kind = np.append(made.kind[~blocked], np.full(len(early), "ectopic"))
    return replace(
        made,
        onset=onset[order],
        kind=kind[order],
        conducted=made.conducted & ~_leads_to(made, blocked),
    )


def _leads_to(made: Schedule, beats: np.ndarray) -> np.ndarray:
    """Return, for each P wave, whether the QRS after it is one of those marked."""
    following = np.searchsorted(made.onset, made.p_onset)
    return np.append(beats, False)[following]
