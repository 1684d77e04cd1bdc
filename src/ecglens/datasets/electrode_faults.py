"""Electrodes that are swapped, fall off or drift out of the amplifier's range.

All work on whole microvolts of any ECG, simulated or recorded, by way of the potentials of the
electrodes against Wilson's terminal. What arm and leg swaps do to the limb leads is in Kligfield
et al. 2007 (Circulation 115:1306, doi 10.1161/CIRCULATIONAHA.106.180200).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ecglens.datasets.evidence import SHORTEST_SIGN, Evidence
from ecglens.datasets.heart_vector import (
    ALL_OF_ELECTRODES,
    DURATION,
    ELECTRODES,
    INDEPENDENT,
    LEADS_OF_ELECTRODES,
    twelve_leads,
)
from ecglens.errors import ParameterError, did_you_mean
from ecglens.record import LEADS, from_microvolts, to_microvolts

KINDS = {"": 0.940, "swapped": 0.025, "lead_off": 0.020, "saturated": 0.015}  # and shares
LIMB = ("RA", "LA", "LL")
ALL_ELECTRODES = (*ELECTRODES, "RL")  # the right leg's potential is nearly the left leg's
SWAPS = {  # electrodes, and which lead then shows what another showed, up to its sign
    ("LA", "RA"): {"II": "III", "III": "II", "aVR": "aVL", "aVL": "aVR"},
    ("LA", "LL"): {"I": "II", "II": "I", "aVL": "aVF", "aVF": "aVL"},
    ("LL", "RA"): {"I": "III", "III": "I", "aVR": "aVF", "aVF": "aVR"},
    ("RA", "RL"): {"I": "III", "II": "", "aVR": "III", "aVL": "III", "aVF": "III"},  # II is flat
    ("V1", "V2"): {"V1": "V2", "V2": "V1"},
    ("V2", "V3"): {"V2": "V3", "V3": "V2"},
    ("V4", "V5"): {"V4": "V5", "V5": "V4"},
    ("V5", "V6"): {"V5": "V6", "V6": "V5"},
}
SWAP_SHARES = (0.40, 0.12, 0.08, 0.08, 0.12, 0.08, 0.06, 0.06)
# Leads that measure an electrode itself, rather than as a third of Wilson's terminal.
LEADS_WITH = {
    electrode: tuple(lead for lead, part in zip(LEADS, column, strict=True) if abs(part) > 0.4)
    for electrode, column in zip(ELECTRODES, ALL_OF_ELECTRODES.T, strict=True)
}
LIMITS = (2.5, 5.0, 10.0)  # mV, of amplifiers


@dataclass(frozen=True)
class Fault:
    """What is wrong with the electrodes of a record.

    Parameters
    ----------
    kind : {"swapped", "lead_off", "saturated"}
    electrodes : tuple of str
        Two that are swapped, or the one that is off or drifts.
    start_s, end_s : float
        From when to when.
    limit : float
        mV beyond which the amplifier does not follow; of a saturated electrode only.
    """

    kind: str
    electrodes: tuple[str, ...]
    start_s: float = 0.0
    end_s: float = float(DURATION)
    limit: float = 0.0

    @property
    def breaks_limb_leads(self) -> bool:
        """Whether Einthoven's equation no longer holds in whole microvolts."""
        return self.kind != "swapped" and self.electrodes[0] in LIMB

    @property
    def leads(self) -> tuple[str, ...]:
        """The leads that show something wrong."""
        if self.kind == "swapped":
            shown = SWAPS[self.electrodes]
            chest = LEADS[6:] if "RL" in self.electrodes else ()  # Wilson's terminal moves
            # Between two limbs the lead that joins them keeps its place but turns over.
            return tuple(x for x in LEADS if x in shown or x in chest or x in self._turned())
        return LEADS_WITH[self.electrodes[0]]

    def _turned(self) -> tuple[str, ...]:
        joins = {("LA", "RA"): "I", ("LL", "RA"): "II", ("LA", "LL"): "III"}
        return (joins[self.electrodes],) if self.electrodes in joins else ()


def draw_fault(rng: np.random.Generator) -> Fault | None:
    """Draw a fault, or none, by the shares of :data:`KINDS`."""
    kind = list(KINDS)[rng.choice(len(KINDS), p=list(KINDS.values()))]
    if not kind:
        return None
    if kind == "swapped":
        return Fault(kind, list(SWAPS)[rng.choice(len(SWAPS), p=SWAP_SHARES)])
    electrode = str(rng.choice(ELECTRODES))
    if rng.random() < 0.4:
        start, end = 0.0, float(DURATION)
    else:
        start = rng.uniform(0, DURATION - 2)
        end = min(float(DURATION), start + rng.uniform(1.5, 8))
    limit = float(rng.choice(LIMITS)) if kind == "saturated" else 0.0
    return Fault(kind, (electrode,), round(start, 3), round(end, 3), limit)


def apply_fault(fault: Fault, microvolts: np.ndarray, sampling_frequency: float) -> np.ndarray:
    """Return a record as it would have been recorded with a fault.

    Parameters
    ----------
    fault : Fault
    microvolts : ndarray of int16, shape (samples, 12)
        Leads in the order of :data:`ecglens.record.LEADS`.
    sampling_frequency : float
        Hz.

    Returns
    -------
    ndarray of int16, shape (samples, 12)
    """
    if fault.kind == "swapped":
        return swap_electrodes(microvolts, *fault.electrodes)
    time = np.arange(len(microvolts)) / sampling_frequency
    during = (time >= fault.start_s) & (time < fault.end_s)
    if fault.kind == "lead_off":
        return _lead_off(microvolts, fault.electrodes[0], during)
    return _saturated(microvolts, fault, time, during)


def swap_electrodes(microvolts: np.ndarray, first: str, second: str) -> np.ndarray:
    """Return the record with two electrodes exchanged; the limb leads' equations still hold.

    Parameters
    ----------
    microvolts : ndarray of int16, shape (samples, 12)
    first, second : str
        Two of RA, LA, LL, RL, V1 to V6.

    Raises
    ------
    ParameterError
        If there is no such electrode.
    """
    for name in (first, second):
        if name not in ALL_ELECTRODES:
            mend = did_you_mean(name, ALL_ELECTRODES)
            raise ParameterError("electrode", repr(name), "an electrode of the 12-lead ECG", mend)
    potentials = electrode_potentials(microvolts)
    pair = [ALL_ELECTRODES.index(first), ALL_ELECTRODES.index(second)]
    potentials[:, pair] = potentials[:, pair[::-1]]
    return twelve_leads(potentials[:, :-1] @ LEADS_OF_ELECTRODES.T)


def electrode_potentials(microvolts: np.ndarray) -> np.ndarray:
    """Return potentials (samples, 10) in mV against Wilson's terminal, as ALL_ELECTRODES."""
    one, two = from_microvolts(microvolts[:, INDEPENDENT[:2]]).astype(float).T
    right_arm = -(one + two) / 3
    limbs = np.stack([right_arm, right_arm + one, right_arm + two], axis=1)
    chest = from_microvolts(microvolts[:, INDEPENDENT[2:]])
    return np.hstack([limbs, chest, limbs[:, 2:]])


def _lead_off(microvolts: np.ndarray, electrode: str, during: np.ndarray) -> np.ndarray:
    """Write zeros to the leads that need the electrode, as amplifiers do.

    Without a limb electrode the chest leads refer to the mean of the other two.
    """
    result = microvolts.copy()
    flat = [LEADS.index(lead) for lead in LEADS_WITH[electrode]]
    if electrode in LIMB:
        potentials = electrode_potentials(microvolts)[:, :3]
        others = np.delete(potentials, LIMB.index(electrode), axis=1).mean(axis=1)
        chest = from_microvolts(microvolts[:, 6:]) - others[:, None]
        result[during, 6:] = to_microvolts(chest, "electrode off")[during]
    result[np.ix_(during, flat)] = 0
    return result


def _saturated(
    microvolts: np.ndarray, fault: Fault, time: np.ndarray, during: np.ndarray
) -> np.ndarray:
    """Let an electrode's offset run beyond the amplifier's limit, where its leads stand still."""
    ramp = (time[during] - fault.start_s) / 0.4  # s; done already where the record begins with it
    ramp = np.clip(ramp, 0, 1) if fault.start_s > 0 else np.ones(len(ramp))
    drift = 2.6 * fault.limit * ramp[:, None]
    electrode = fault.electrodes[0]
    rows = np.ix_(during, [LEADS.index(lead) for lead in LEADS_WITH[electrode]])
    share = ALL_OF_ELECTRODES[rows[1][0], ELECTRODES.index(electrode)]
    millivolts = from_microvolts(microvolts[rows]) + drift * share
    result = microvolts.copy()
    result[rows] = to_microvolts(np.clip(millivolts, -fault.limit, fault.limit), "saturated")
    return result


def leads_after(fault: Fault, leads: tuple[str, ...]) -> tuple[str, ...]:
    """Return where a sign that some leads showed is seen, for as long as the fault lasts."""
    if fault.kind == "swapped":
        shown = {lead: lead for lead in LEADS} | SWAPS[fault.electrodes]
        return tuple(lead for lead in LEADS if shown[lead] in leads)
    return tuple(lead for lead in leads if lead not in fault.leads)


def evidence_after(fault: Fault, evidence: list[Evidence]) -> list[Evidence]:
    """Return the evidence as the faulty record shows it: in other leads, or not at all."""
    shown = []
    for item in evidence:
        edges = np.clip([fault.start_s, fault.end_s], item.start_s, item.end_s)
        for start, end in pairwise([item.start_s, *map(float, edges), item.end_s]):
            inside = fault.start_s <= start < fault.end_s
            leads = leads_after(fault, item.leads) if inside else item.leads
            if end - start >= SHORTEST_SIGN and leads:
                shown.append(Evidence(item.scp_code, start, end, leads))
    return shown
