"""Where the sign of a label is in a record: from the simulator, or from waves and the literature.

The simulator knows its evidence. For recorded ECGs ``expectations.yaml`` says which waves and leads
published criteria name for a label, with the sources, and delineation says where those waves are.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from ecglens.errors import LabelError
from ecglens.record import LEADS

SPANS = ("P", "QRS", "T", "PR", "ST", "QT", "TQ")
LONGEST_PR = 0.5  # s; a P wave further from the next QRS does not belong to it
LONGEST_ST_T = 0.7  # s from the onset of QRS; a T wave further away is another beat's


@dataclass(frozen=True)
class Expectation:
    """What published criteria name for a label.

    Parameters
    ----------
    label : str
    waves : tuple of str
        Of :data:`SPANS`.
    leads : tuple of str
        Of :data:`ecglens.record.LEADS`.
    because : str
        What the criteria say, in short.
    sources : tuple of str
        Papers, with their DOI.
    """

    label: str
    waves: tuple[str, ...]
    leads: tuple[str, ...]
    because: str
    sources: tuple[str, ...]


@cache
def _table() -> dict:
    import yaml

    text = (resources.files("ecglens.explain") / "expectations.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def expected_labels() -> list[str]:
    """Return the labels of which something is expected."""
    return list(_table()["labels"])


def reason_without(label: str) -> str | None:
    """Return why nothing is expected of a label; None where something is, or it is not listed."""
    return _table()["without"].get(label)


def expectations(label: str, carried: frozenset[str] | set[str] = frozenset()) -> list[Expectation]:
    """Return what is expected of a label, one a finding.

    Parameters
    ----------
    label : str
        A label of ``labels.yaml``.
    carried : set of str
        All labels of the record: of a class of findings those count that the record carries.

    Returns
    -------
    list of Expectation
        Empty where nothing is: see :func:`reason_without`.

    Raises
    ------
    LabelError
        If the table contradicts itself.
    """
    entry = _table()["labels"].get(label)
    if entry is None:
        return []
    if "any_of" in entry:
        named = [name for name in entry["any_of"] if name in carried]
        return [found for name in named for found in expectations(name)]
    if "same_as" in entry:
        entry = _table()["labels"][entry["same_as"]]
    leads = entry["leads"]
    if isinstance(leads, str):
        leads = _table()["groups"][leads]
    unknown = [*(set(entry["waves"]) - set(SPANS)), *(set(leads) - set(LEADS))]
    if unknown:
        raise LabelError(f"expectations.yaml: {label}", f"{unknown}", "known waves and leads")
    papers = tuple(_table()["sources"][name] for name in entry["sources"])
    return [Expectation(label, tuple(entry["waves"]), tuple(leads), entry["because"], papers)]


def expected_mask(
    found: list[Expectation], waves: pd.DataFrame, samples: int, sampling_frequency: float
) -> np.ndarray:
    """Mark the samples and leads in which a label is expected to show.

    Parameters
    ----------
    found : list of Expectation
        Of one record and label.
    waves : DataFrame
        Its delineation, one row a wave and lead: ``lead``, ``wave`` ("P", "QRS" or "T"), ``onset``
        and ``offset`` in s, NaN where not marked.
    samples : int
        The record's length.
    sampling_frequency : float
        Hz.

    Returns
    -------
    ndarray of bool, shape (samples, 12)
    """
    mask = np.zeros((samples, len(LEADS)), bool)
    by_lead = {lead: spans_of(rows) for lead, rows in waves.groupby("lead")}
    for item in found:
        for lead in item.leads:
            spans = by_lead.get(lead, {})
            for start, end in (pair for wave in item.waves for pair in spans.get(wave, ())):
                first, last = _samples(start, end, sampling_frequency)
                mask[first:last, LEADS.index(lead)] = True
    return mask


def judged_mask(waves: pd.DataFrame, samples: int, sampling_frequency: float) -> np.ndarray:
    """Mark the samples between the first and the last delineated wave, (samples,) bool.

    Outside them evidence may be there that nobody marked, so that no map should be judged there.
    """
    mask = np.zeros(samples, bool)
    times = waves[["onset", "peak", "offset"]].to_numpy(float)
    if len(times) and not np.isnan(times).all():
        first, last = _samples(np.nanmin(times), np.nanmax(times), sampling_frequency)
        mask[first:last] = True
    return mask


def spans_of(waves: pd.DataFrame) -> dict[str, list[tuple[float, float]]]:
    """Return the spans of one lead, by :data:`SPANS`, each as (start, end) in s.

    Parameters
    ----------
    waves : DataFrame
        Rows of one lead: ``wave``, ``onset``, ``offset``. A wave whose onset or offset is not
        marked takes part in nothing that needs it.
    """
    marked = waves.dropna(subset=["onset", "offset"]).sort_values("onset")
    whole = {
        wave: marked.loc[marked.wave == wave, ["onset", "offset"]].to_numpy(float)
        for wave in ("P", "QRS", "T")
    }
    p, qrs, t = whole["P"], whole["QRS"], whole["T"]
    spans = {wave: [tuple(pair) for pair in pairs] for wave, pairs in whole.items()}
    spans |= {"PR": _pr(p, qrs), "ST": [], "QT": [], "TQ": []}
    for index, (onset, offset) in enumerate(qrs):
        following = qrs[index + 1, 0] if index + 1 < len(qrs) else np.inf
        own = t[(t[:, 0] >= offset) & (t[:, 0] < min(following, onset + LONGEST_ST_T))]
        if not len(own):
            continue
        spans["ST"].append((offset, own[0, 0]))
        spans["QT"].append((onset, own[-1, 1]))
        if np.isfinite(following) and following > own[-1, 1]:
            spans["TQ"].append((own[-1, 1], following))
    return spans


def _pr(p: np.ndarray, qrs: np.ndarray) -> list[tuple[float, float]]:
    """Return the PR intervals, each from the onset of P to that of the QRS it is followed by."""
    found = []
    for index, (onset, _) in enumerate(p):
        later = qrs[qrs[:, 0] >= onset, 0]
        another = index + 1 < len(p) and len(later) and p[index + 1, 0] < later[0]
        if len(later) and later[0] - onset <= LONGEST_PR and not another:
            found.append((onset, later[0]))
    return found


def _samples(start: float, end: float, rate: float) -> tuple[int, int]:
    """Return the samples whose time t has start <= t < end."""
    first, last = (int(np.ceil(round(time * rate, 6))) for time in (start, end))
    return max(first, 0), max(last, 0)
