"""Which findings the simulator draws, how often, which go together, and what codes they get.

A finding that the record does not show gets no code: a ventricular tachycardia hides the infarct,
atrial fibrillation has no PR interval.
"""

from dataclasses import dataclass

import numpy as np

from ecglens.datasets.rhythms import SINUS

# Shares of the findings, a table a breadth. What a table does not name, does not occur.
PREVALENCE = {
    "starter": {
        "rhythm": {"SR": 0.50, "AFIB": 0.20, "STACH": 0.15, "SBRAD": 0.15},
        "conduction": {"normal": 0.60, "CLBBB": 0.14, "CRBBB": 0.14, "PACE": 0.12},
    },
    "all": {
        "rhythm": {
            "SR": 0.500, "STACH": 0.060, "SBRAD": 0.060, "AFIB": 0.090, "AFLT": 0.045,
            "SVTAC": 0.030, "PSVT": 0.030, "VTACH": 0.035, "2AVB1": 0.030, "2AVB2": 0.030,
            "2AVB": 0.030, "3AVB": 0.035, "3AVB wide": 0.025,
        },
        "conduction": {
            "normal": 0.500, "IRBBB": 0.045, "CRBBB": 0.045, "CLBBB": 0.090, "LAFB": 0.065,
            "LPFB": 0.030, "CRBBB+LAFB": 0.030, "CRBBB+LPFB": 0.025, "WPW": 0.080, "PACE": 0.090,
        },
        "infarct": {
            "": 0.70, "IMI": 0.075, "ILMI": 0.035, "LMI": 0.035, "ALMI": 0.04, "AMI": 0.045,
            "ASMI": 0.07,
        },
        "hypertrophy": {"": 0.85, "LVH": 0.11, "RVH": 0.04},
        "repolarisation": {
            "": 0.68, "NDT": 0.04, "STD_": 0.045, "STE_": 0.04, "ISC_": 0.02, "ISCAL": 0.04,
            "ISCIN": 0.04, "ISCAS": 0.04, "LNGQT": 0.055,
        },
        "av": {"": 0.91, "1AVB": 0.09},
        "ectopy": {"": 0.85, "PVC": 0.08, "PAC": 0.07},
    },
}  # fmt: skip
HEALTHY = {"starter": 0.0, "all": 0.30}  # patients in whom nothing is drawn but age and sex
CONDUCTION_OF_RVH = {"normal": 0.3, "IRBBB": 0.4, "CRBBB": 0.3}  # in PTB-XL
STRAINED = {"": 0.0, "LVH": 0.5, "RVH": 0.35}  # hearts whose ST and T have turned
BREADTHS = tuple(PREVALENCE)

CODES = {  # of findings that are not named as their one code is
    "normal": (), "": (), "CRBBB+LAFB": ("CRBBB", "LAFB"), "CRBBB+LPFB": ("CRBBB", "LPFB"),
    "2AVB1": ("2AVB", "2AVB1"), "2AVB2": ("2AVB", "2AVB2"), "3AVB wide": ("3AVB",),
}  # fmt: skip
# PTB-XL gives no likelihood (0) to rhythms and to some forms, and 100 to what is certain.
UNRATED = ("SR", "STACH", "SBRAD", "AFIB", "SVTAC", "VTACH", "PAC", "STD_", "STE_")

NO_CONDUCTION = ("AFIB", "AFLT", "SVTAC", "PSVT", "VTACH", "2AVB1", "2AVB2", "2AVB", "3AVB",
                 "3AVB wide")  # fmt: skip
ALL_HIDDEN = ("VTACH", "3AVB wide")  # every beat comes from the ventricles
QT_HIDDEN = ("AFLT", "SVTAC", "PSVT")  # no T end to be seen
WIDE_AND_LOST = ("CLBBB", "WPW", "PACE")  # neither Q waves nor ST-T mean what they usually mean

AGES = {  # years: mean and spread, from the youngest patients to the oldest; after PTB-XL
    "WPW": (47, 16), "NORM": (52, 17), "STE_": (54, 17), "PSVT": (58, 19), "SBRAD": (57, 16),
    "SVTAC": (62, 17), "STACH": (62, 18), "VTACH": (64, 13), "IRBBB": (60, 17),
    "ISCIN": (64, 13), "ISCAS": (64, 13), "LMI": (64, 14), "ALMI": (63, 13), "ILMI": (64, 12),
    "LNGQT": (65, 15), "NDT": (65, 15), "LPFB": (66, 16), "RVH": (66, 16), "IMI": (66, 12),
    "LVH": (66, 14),
    "ASMI": (67, 13), "AMI": (67, 13), "ISCAL": (68, 12), "PVC": (68, 14), "LAFB": (69, 13),
    "ISC_": (69, 13), "CRBBB": (71, 12), "CLBBB": (71, 12), "1AVB": (71, 13), "2AVB": (72, 12),
    "AFIB": (72, 11), "AFLT": (72, 10), "3AVB": (74, 12), "PACE": (73, 11), "STD_": (73, 11),
    "PAC": (75, 11),
}  # fmt: skip
WOMEN = {  # 0.5 for every other condition
    "CRBBB": 0.3, "LPFB": 0.3, "LAFB": 0.37, "RVH": 0.32, "AFLT": 0.25, "ILMI": 0.25, "ALMI": 0.28,
    "IMI": 0.33, "LMI": 0.37, "ASMI": 0.4, "2AVB": 0.3, "3AVB": 0.35, "PSVT": 0.65, "1AVB": 0.38,
}  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """What a patient has in every record.

    Parameters
    ----------
    conduction : str
        "normal" or a key of :data:`ecglens.datasets.morphologies.QRS_SECONDS`.
    infarct, hypertrophy, repolarisation : str
        An SCP code, or "".
    av : {"", "1AVB"}
    stage : {"", "acute", "recent", "old"}
        Of the infarct.
    strain : bool
        Whether hypertrophy has turned ST and T.
    """

    conduction: str = "normal"
    infarct: str = ""
    hypertrophy: str = ""
    repolarisation: str = ""
    av: str = ""
    stage: str = ""
    strain: bool = False


def draw_findings(breadth: str, rng: np.random.Generator) -> Findings:
    """Draw a patient's findings, again until they go together."""
    table = PREVALENCE[breadth]
    if rng.random() < HEALTHY[breadth]:
        return Findings()
    while True:
        drawn = {
            name: _draw(table[name], rng)
            for name in ("conduction", "infarct", "hypertrophy", "repolarisation", "av")
            if name in table
        }
        if drawn.get("hypertrophy") == "RVH":
            drawn["conduction"] = _draw(CONDUCTION_OF_RVH, rng)
        if go_together(Findings(**drawn)):
            break
    stage = str(rng.choice(["acute", "recent", "old"], p=[0.15, 0.20, 0.65]))
    hypertrophy = drawn.get("hypertrophy", "")
    strain = bool(rng.random() < STRAINED[hypertrophy])
    if strain and hypertrophy == "LVH" and not drawn["repolarisation"] and not drawn["infarct"]:
        drawn["repolarisation"] = "ISC_"  # 92 in 100 of PTB-XL's ISC_ are of hypertrophied hearts
    return Findings(**drawn, stage=stage if drawn.get("infarct") else "", strain=strain)


def go_together(findings: Findings) -> bool:
    """Return whether findings can stand side by side in one heart, and be read there."""
    conduction = findings.conduction
    if conduction in WIDE_AND_LOST:
        others = (findings.infarct, findings.hypertrophy, findings.repolarisation)
        # The accessory pathway does not know the AV node's delay, nor does the pacemaker.
        return not any(others) and (conduction == "CLBBB" or not findings.av)
    if findings.hypertrophy:
        # Each has a QRS of its own; right hypertrophy goes with a right-sided pattern only.
        right = findings.hypertrophy == "RVH" and conduction in ("IRBBB", "CRBBB")
        if conduction != "normal" and not right:
            return False
    if findings.infarct and findings.repolarisation not in ("", "LNGQT"):
        return False  # the infarct's stage says what ST and T do
    return not (findings.infarct and findings.hypertrophy == "RVH")


def draw_rhythm(breadth: str, findings: Findings, rng: np.random.Generator) -> tuple[str, str]:
    """Draw a record's rhythm and ectopy ("", "PVC", "PAC"); of a paced heart the atria's rhythm."""
    table = PREVALENCE[breadth]
    rhythm = _draw(table["rhythm"], rng)
    if findings.conduction == "PACE":
        # The pacemaker sets the rate, whatever the sinus node does.
        return ("AFIB" if rhythm == "AFIB" else "SR"), ""
    while findings.conduction == "WPW" and rhythm not in SINUS:
        rhythm = _draw(table["rhythm"], rng)  # others run over the node, or both ways
    ectopy = _draw(table["ectopy"], rng) if "ectopy" in table else ""
    if ectopy == "PAC" and rhythm not in SINUS:
        ectopy = ""
    if ectopy == "PVC" and rhythm not in (*SINUS, "AFIB"):
        ectopy = ""
    return rhythm, ectopy


def scp_codes(findings: Findings, rhythm: str, ectopy: str = "") -> dict[str, float]:
    """Return a record's SCP codes with likelihoods as PTB-XL states them.

    NORM stands only where everything is normal. A paced record carries no sinus rhythm, since the
    atria do not lead. PTB-XL has no code for the type of a second-degree block, nor for
    ventricular tachycardia: 2AVB1, 2AVB2 and VTACH are ours.
    """
    shown = visible(findings, rhythm)
    names = [shown.infarct, shown.hypertrophy, shown.repolarisation, shown.conduction, shown.av]
    codes = [code for name in names for code in CODES.get(name, (name,))]
    if ectopy:
        codes.append(ectopy)
    if not codes and rhythm == "SR":
        codes.append("NORM")
    if (rhythm, shown.conduction) != ("SR", "PACE"):
        codes += CODES.get(rhythm, (rhythm,))
    return {code: 0.0 if code in UNRATED else 100.0 for code in codes}


def visible(findings: Findings, rhythm: str) -> Findings:
    """Return what of the findings a record in a rhythm shows."""
    if rhythm in ALL_HIDDEN:
        return Findings()
    hidden = {}
    if rhythm in NO_CONDUCTION:
        hidden["av"] = ""
    if rhythm in QT_HIDDEN and findings.repolarisation == "LNGQT":
        hidden["repolarisation"] = ""
    return Findings(**{**findings.__dict__, **hidden})


def draw_age(codes: dict[str, float], rng: np.random.Generator) -> int:
    """Return an age in years after the condition of the oldest patients among the codes."""
    oldest = max((code for code in codes if code in AGES), key=list(AGES).index)
    return int(np.clip(rng.normal(*AGES[oldest]), 18, 89))


def draw_sex(codes: dict[str, float], rng: np.random.Generator) -> int:
    """Return 0 for a man, 1 for a woman, as PTB-XL does."""
    return int(rng.random() < min(WOMEN.get(code, 0.5) for code in codes))


def _draw(shares: dict[str, float], rng: np.random.Generator) -> str:
    names = list(shares)
    return names[rng.choice(len(names), p=list(shares.values()))]
