"""Records on which maps are judged: simulated ones with known evidence, and delineated ones.

None is of the test split. Simulated records are made anew with a seed of their own, so that no
model was trained on them; LUDB is its own data set; of a data set with splits the validation one is
taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.datasets import ludb, simulated
from ecglens.datasets.conditions import BREADTHS, PREVALENCE
from ecglens.datasets.heart_vector import DURATION
from ecglens.errors import LabelError, RecordError
from ecglens.explain.faithfulness_evidence import (
    expectations,
    expected_mask,
    judged_mask,
    reason_without,
)
from ecglens.formats import read
from ecglens.labels import codes_of, label_records, labels_of
from ecglens.record import LEADS, from_microvolts
from ecglens.store import Store

NO_CRITERIA = "expectations.yaml lists no criteria"
SEED = 20_000  # of the simulated records, apart from those that models are trained on


@dataclass(frozen=True)
class Cases:
    """Records that carry a label, and where it shows.

    Parameters
    ----------
    label : str
    rows : ndarray of int, shape (n,)
        Their places in the set's signals.
    evidence : ndarray of bool, shape (n, samples, 12)
    judged : ndarray of bool, shape (n, samples)
        Where it is known whether there is evidence.
    """

    label: str
    rows: np.ndarray
    evidence: np.ndarray
    judged: np.ndarray


@dataclass(frozen=True)
class CaseSet:
    """Records with evidence.

    Parameters
    ----------
    name : str
        Of the data set.
    signals : ndarray of float32, shape (records, samples, 12)
        mV.
    record_ids : ndarray, shape (records,)
    cases : tuple of Cases
        One a label that some record carries with evidence.
    left_out : dict of str to str
        Labels without cases, and why.
    """

    name: str
    signals: np.ndarray
    record_ids: np.ndarray
    cases: tuple[Cases, ...]
    left_out: dict[str, str]


def simulated_cases(
    labels: Sequence[str], records: int, *, samples: int, sampling_frequency: int, seed: int = SEED
) -> CaseSet:
    """Make simulated records with their evidence.

    Parameters
    ----------
    labels : sequence of str
        Of the model. A label's evidence is that of all SCP codes which give it.
    records : int
        How many to make; each carries some of the labels, or none.
    samples : int
        Length of the model's input; the simulator makes 10 s.
    sampling_frequency : int
        Hz.
    seed : int
        Must differ from the training data's.

    Raises
    ------
    RecordError
        If the model does not take 10 s.
    LabelError
        If the simulator shows none of the labels.
    """
    if samples != DURATION * sampling_frequency:
        found = f"{samples} samples at {sampling_frequency} Hz"
        raise RecordError("the model's input", found, "10 s, as the simulator makes them")
    codes = {label: codes_of(label, "scp") for label in labels}
    signals, rows, ids = [], [], []
    made = simulated.simulated_records(records, seed, _breadth(codes))
    for index, item in enumerate(made):
        signals.append(from_microvolts(item.at_rate(sampling_frequency)))
        carried = labels_of(item.case.codes, "scp")
        table = _table(item.evidence)
        for label in (label for label in labels if label in carried):
            shown = table[table.scp_code.isin(codes[label])]
            mask = simulated.evidence_mask(shown, samples, sampling_frequency)
            if mask.any():
                rows.append((label, index, mask, np.ones(samples, bool)))
        ids.append(item.case.number)
    reasons = dict.fromkeys(labels, "no simulated record shows it")
    return _gather("simulated", signals, ids, rows, reasons)


def _breadth(codes: dict[str, frozenset[str]]) -> str:
    """Return the narrowest breadth of the simulator that shows every label it can show."""
    starter = {code for part in PREVALENCE["starter"].values() for code in part} | {"NORM"}
    return BREADTHS[0] if all(codes[label] & starter for label in codes) else BREADTHS[1]


def _table(evidence: list) -> pd.DataFrame:
    """Return evidence as :func:`ecglens.datasets.simulated.evidence_mask` takes it."""
    # To the millisecond, as evidence.csv has it.
    rows = [
        (e.scp_code, round(e.start_s, 3), round(e.end_s, 3), " ".join(e.leads)) for e in evidence
    ]
    columns = ["scp_code", "start_s", "end_s", "leads"]
    return pd.DataFrame(rows, columns=columns).astype({"start_s": float, "end_s": float})


def ludb_cases(
    folder: Path, labels: Sequence[str], *, samples: int, sampling_frequency: int
) -> CaseSet:
    """Read LUDB, whose waves cardiologists marked, with the evidence that criteria expect.

    Parameters
    ----------
    folder : Path
        LUDB as published.
    labels, samples, sampling_frequency
        As in :func:`simulated_cases`.
    """
    manifest = ludb.manifest(folder)
    signals = []
    for name in manifest.file:
        record = read(folder / name).resampled(sampling_frequency)
        if len(record.signal) < samples:
            found = f"{len(record.signal)} samples at {sampling_frequency} Hz"
            raise RecordError(record.source, found, f"{samples}, as the model takes")
        signals.append(record.signal[:samples])
    carried = label_records(manifest.codes.tolist(), ludb.VOCABULARY).labels
    ids = manifest.record_id.tolist()

    def waves(index: int) -> pd.DataFrame:
        return ludb.delineation(folder, ids[index])

    return expected_cases(
        "ludb", signals, ids, carried, waves, labels, sampling_frequency=sampling_frequency
    )


def split_cases(
    name: str,
    store: Store,
    rows: np.ndarray,
    carried: Sequence[Sequence[str]],
    labels: Sequence[str],
) -> CaseSet:
    """Return prepared records with the evidence that criteria expect on waves found by neurokit2.

    Parameters
    ----------
    name : str
        Of the data set.
    store : Store
    rows : ndarray of int, shape (n,)
        Places in the store: never of the test split.
    carried : sequence of sequence of str
        All labels of each of these records.
    labels : sequence of str
        Of the model.
    """
    from ecglens.explain.waves import delineate

    signals, rate = store.millivolts(rows), store.sampling_frequency

    def waves(index: int) -> pd.DataFrame:
        return waves_table(delineate(signals[index], rate))

    return expected_cases(
        name, signals, store.record_ids[rows], carried, waves, labels, sampling_frequency=rate
    )


def waves_table(found) -> pd.DataFrame:
    """Return a delineation as rows, the same waves in every lead.

    Parameters
    ----------
    found : ecglens.explain.waves.Delineation
    """
    rows = [
        {"wave": wave, "onset": onset, "peak": peak, "offset": offset}
        for wave, bounds in zip(("P", "QRS", "T"), found.bounds, strict=True)
        for onset, peak, offset in bounds.T
    ]
    table = pd.DataFrame(rows, columns=["wave", "onset", "peak", "offset"])
    return table.merge(pd.DataFrame({"lead": LEADS}), how="cross")


def expected_cases(
    name: str,
    signals: Sequence[np.ndarray],
    record_ids: Sequence,
    carried: Sequence[Sequence[str]],
    waves: Callable[[int], pd.DataFrame],
    labels: Sequence[str],
    *,
    sampling_frequency: float,
) -> CaseSet:
    """Return records with the evidence that published criteria expect.

    Parameters
    ----------
    name : str
        Of the data set.
    signals : sequence of ndarray, shape (samples, 12)
        mV.
    record_ids : sequence
    carried : sequence of sequence of str
        All labels of each record.
    waves : callable
        Of a record's place: its delineation, as
        :func:`ecglens.explain.faithfulness_evidence.expected_mask` takes it. Asked once a record
        that carries a label of which something is expected.
    labels : sequence of str
        Of the model.
    sampling_frequency : float
        Hz.
    """
    rows = []
    for index, own in enumerate(carried):
        found = {label: expectations(label, set(own)) for label in labels if label in own}
        found = {label: items for label, items in found.items() if items}
        table = waves(index) if found else None
        for label, items in found.items():
            length = len(signals[index])
            mask = expected_mask(items, table, length, sampling_frequency)
            if mask.any():
                judged = judged_mask(table, length, sampling_frequency)
                rows.append((label, index, mask, judged))
    reasons = {label: reason_without(label) or _reason(label) for label in labels}
    return _gather(name, signals, record_ids, rows, reasons)


def _reason(label: str) -> str:
    known = expectations(label, {label}) or expectations(label)
    return "no record shows it" if known else NO_CRITERIA


def _gather(name, signals, record_ids, rows, reasons: dict[str, str]) -> CaseSet:
    """Join the masks of each label; ``rows`` are (label, place, evidence, judged)."""
    cases, left_out = [], {}
    for label, reason in reasons.items():
        own = [row for row in rows if row[0] == label]
        if not own:
            left_out[label] = reason
            continue
        places, masks, judged = (list(part) for part in list(zip(*own, strict=True))[1:])
        cases.append(Cases(label, np.array(places), np.stack(masks), np.stack(judged)))
    if not cases:
        found = f"none of {', '.join(reasons)}"
        raise LabelError(name, found, "a label whose evidence is known", f"Why: {left_out}.")
    stacked = np.stack(signals).astype(np.float32)
    return CaseSet(name, stacked, np.array(record_ids), tuple(cases), left_out)


def kept(case_set: CaseSet, found: dict[str, np.ndarray]) -> CaseSet:
    """Return a set with those cases alone that a model finds.

    Parameters
    ----------
    found : dict of str to ndarray of bool, shape (records,)
        Of each label.
    """
    cases, left_out = [], dict(case_set.left_out)
    for item in case_set.cases:
        some = found[item.label][item.rows]
        if some.any():
            parts = (item.rows[some], item.evidence[some], item.judged[some])
            cases.append(Cases(item.label, *parts))
        else:
            left_out[item.label] = f"the model finds none of {len(some)}"
    if not cases:
        raise LabelError(case_set.name, "no case that the model finds", "one", f"Why: {left_out}.")
    signals, ids = case_set.signals, case_set.record_ids
    return CaseSet(case_set.name, signals, ids, tuple(cases), left_out)
