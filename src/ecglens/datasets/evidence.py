"""Where in time and leads the sign of each label is, in a record whose beats are known.

A rate is in no wave: it is the distance between beats. Its evidence is therefore each R-R interval
with the QRS complexes at both its ends, so that a map may mark what bounds the distance, or that
nothing comes in between. In a record of one rate that is nearly all of it: where a rate is read,
place tells little, and :mod:`ecglens.explain.benchmark` does not judge a map by it.

Atrial fibrillation has two signs: waves of the atria between the beats, seen best in some leads,
and irregular beats, which the QRS complexes of all leads time unless a pacemaker does. That is
where ``ecglens/explain/expectations.yaml`` expects it in recorded ECGs, too.
"""

from typing import NamedTuple

import numpy as np

from ecglens.datasets.conditions import Findings
from ecglens.datasets.heart_vector import DURATION
from ecglens.datasets.morphologies import P_SECONDS
from ecglens.datasets.rhythms import Beats
from ecglens.record import LEADS

P_LEADS = ("II", "III", "aVF", "V1")  # where atria are seen best
FRONTAL = ("I", "II", "III", "aVL", "aVF")
INFERIOR = ("II", "III", "aVF")
SIGNS = dict.fromkeys(
    ("NORM", "STACH", "SBRAD", "SVTAC", "PSVT", "VTACH", "PACE", "PVC", "PAC", "WPW", "LNGQT"),
    LEADS,
) | dict.fromkeys(("AFIB", "AFLT", "1AVB", "2AVB", "2AVB1", "2AVB2", "3AVB"), P_LEADS)
SIGNS |= {
    "CLBBB": ("I", "aVL", "V1", "V2", "V5", "V6"),
    "CRBBB": ("I", "V1", "V2", "V6"),
    "IRBBB": ("I", "V1", "V2", "V6"),
    "LAFB": FRONTAL,
    "LPFB": FRONTAL,
    "LVH": ("I", "aVL", "V1", "V2", "V5", "V6"),
    "RVH": ("I", "V1", "V2", "V5", "V6"),
    "IMI": INFERIOR,
    "ILMI": (*INFERIOR, "V5", "V6"),
    "LMI": ("I", "aVL", "V5", "V6"),
    "ALMI": ("I", "aVL", "V3", "V4", "V5", "V6"),
    "AMI": ("V2", "V3", "V4"),
    "ASMI": ("V1", "V2", "V3"),
    "NDT": ("I", "II", "aVL", "V4", "V5", "V6"),
    "STD_": ("I", "II", "V4", "V5", "V6"),
    "STE_": ("II", "V2", "V3", "V4", "V5"),
    "ISC_": ("I", "II", "aVL", "V4", "V5", "V6"),
    "ISCAL": ("I", "aVL", "V3", "V4", "V5", "V6"),
    "ISCIN": INFERIOR,
    "ISCAS": ("V1", "V2", "V3", "V4"),
}  # the leads in which a diagnosis is read; SR, the absence of other rhythms, has no sign
KINDS = {  # of the beats that show a sign; the heart's usual ones for every other code
    "PVC": ("ectopic",), "VTACH": ("ectopic",), "SVTAC": ("rapid",), "PSVT": ("rapid",),
}  # fmt: skip
USUAL = ("own", "rapid")
WHOLE_QRS = ("onset", "qrs_end")
RATES = ("STACH", "SBRAD", "SVTAC", "PSVT")
SPANS = {  # from where to where in a beat; ST and T for every other code
    "LAFB": WHOLE_QRS, "LPFB": WHOLE_QRS, "PACE": ("spike", "qrs_end"),
    "CRBBB": ("middle", "qrs_end"), "IRBBB": ("middle", "qrs_end"), "WPW": ("onset", "middle"),
    "CLBBB": ("onset", "t_end"), "PVC": ("onset", "t_end"), "VTACH": ("onset", "t_end"),
}  # fmt: skip
SHORTEST_SIGN = 0.02  # s; what the record's ends leave of an interval must be at least this
SPIKE_BEFORE = 0.002  # s from the first rise of a pacing spike to its peak
Q_SHARE = 0.6  # of the QRS, in which an old infarct's loss shows


class Evidence(NamedTuple):
    """An interval (s from the record's start) and the leads in which a label's sign is."""

    scp_code: str
    start_s: float
    end_s: float
    leads: tuple[str, ...]


def evidence(codes: dict[str, float], beats: Beats, findings: Findings) -> list[Evidence]:
    """Return the intervals of each code that has a sign, cut at the record's ends.

    Parameters
    ----------
    codes : dict of str to float
        SCP codes of the record.
    beats : Beats
        Its times.
    findings : Findings
        What the record shows of the patient's findings.
    """
    found = []
    for code in (c for c in codes if c in SIGNS):
        found += _cut(code, *_intervals(code, beats, findings), SIGNS[code])
        if code == "AFIB" and findings.conduction != "PACE":
            found += _cut(code, beats.onset, beats.qrs_end, LEADS)
    return found


def _cut(code: str, starts: np.ndarray, ends: np.ndarray, leads: tuple[str, ...]):
    """Return intervals cut at the record's ends, without those of which too little is left."""
    starts, ends = (np.clip(edges, 0, DURATION) for edges in (starts, ends))
    return [
        Evidence(code, float(start), float(end), leads)
        for start, end in zip(starts, ends, strict=True)
        if end - start >= SHORTEST_SIGN
    ]


def _intervals(code: str, beats: Beats, findings: Findings) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of a code's sign; some may lie outside the record."""
    if code == "AFIB":
        return beats.t_end[:-1], beats.impulse[1:]  # waves of the atria between the beats
    if code == "AFLT":
        return beats.qrs_end[:-1], beats.onset[1:]
    if code in ("NORM", "PAC", "1AVB", "2AVB", "2AVB1", "2AVB2", "3AVB"):
        return _from_p_waves(code, beats)
    edges = {
        "spike": beats.impulse - SPIKE_BEFORE,
        "onset": beats.onset,
        "middle": (beats.onset + beats.qrs_end) / 2,
        "q_end": beats.onset + Q_SHARE * (beats.qrs_end - beats.onset),
        "qrs_end": beats.qrs_end,
        "t_end": beats.t_end,
    }
    chosen = np.isin(beats.kind, KINDS.get(code, USUAL))
    if code in RATES:  # between beats that the record shows
        chosen &= (beats.qrs_end >= SHORTEST_SIGN) & (beats.onset <= DURATION - SHORTEST_SIGN)
        return beats.onset[chosen][:-1], beats.qrs_end[chosen][1:]
    first, last = _span(code, findings)
    return edges[first][chosen], edges[last][chosen]


def _span(code: str, findings: Findings) -> tuple[str, str]:
    if code == findings.infarct:
        return "onset", "q_end" if findings.stage == "old" else "t_end"
    if code == findings.hypertrophy:
        return "onset", "t_end" if findings.strain else "qrs_end"
    return SPANS.get(code, ("qrs_end", "t_end"))


def _from_p_waves(code: str, beats: Beats) -> tuple[np.ndarray, np.ndarray]:
    """Return intervals that begin with P waves.

    Of 2AVB the pauses after a P wave that is not conducted; of its types the PR intervals as well,
    which tell them apart; of 3AVB the P waves themselves, which keep no distance to the QRS.
    """
    next_beat = np.searchsorted(beats.onset, beats.p_onset)
    chosen = next_beat < len(beats.onset)
    if code == "3AVB":
        return beats.p_onset, beats.p_onset + P_SECONDS
    if code == "PAC":
        chosen &= beats.p_kind == "ectopic"
    elif code == "1AVB":
        chosen &= beats.conducted
    elif code == "2AVB":
        chosen &= ~beats.conducted
    ends = {"NORM": beats.t_end, "PAC": beats.qrs_end}.get(code, beats.onset)
    return beats.p_onset[chosen], ends[next_beat[chosen]]
