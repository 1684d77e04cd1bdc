"""From the codes and statements of records to their labels, and from labels to the truth of a task.

What codes mean is in ``labels.yaml``. A data set of any size is labelled at once: each code or
statement is looked at once, however many records carry it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import NamedTuple

import numpy as np

from ecglens.errors import LabelError, ParameterError, did_you_mean
from ecglens.vocabulary import VOCABULARIES, Task, tables

SPLITS = ("train", "validation", "test")
VALIDATION_FOLD, TEST_FOLD = 9, 10
UNCERTAIN = ("absent", "present", "leave_out")
NEGATIVE = "neg"  # in a balanced draw: records that carry no label of the task
SMALLEST_DRAW = 10  # records: one for each of the smaller splits
_CHUNK = 100_000  # records at a time, so that memory stays small beside the manifest


@dataclass(frozen=True)
class Policy:
    """What becomes of findings that are not certain.

    Parameters
    ----------
    uncertain : {"absent", "present", "leave_out"}
        A finding that is only hedged ("possible", "cannot rule out") counts as not there, counts as
        there, or makes its record take no part in tasks that ask for it. (U-Zeros, U-Ones and
        U-Ignore of Irvin et al. 2019, CheXpert, doi 10.1609/aaai.v33i01.3301590.)
    likelihood : float
        Percent. A code whose stated likelihood is lower does not count; with "leave_out" it is
        uncertain. PTB-XL's likelihood 0 means unknown; such a code counts.

    Raises
    ------
    ParameterError
        If a value means nothing.
    """

    uncertain: str = "absent"
    likelihood: float = 0.0

    def __post_init__(self):
        if self.uncertain not in UNCERTAIN:
            mend = did_you_mean(self.uncertain, UNCERTAIN)
            raise ParameterError("labels.uncertain", repr(self.uncertain), "a policy", mend)
        if not 0 <= self.likelihood <= 100:
            raise ParameterError("labels.likelihood", repr(self.likelihood), "percent, 0-100")


DEFAULT_POLICY = Policy()


class Labelled(NamedTuple):
    """Labels of records, in the order of labels.yaml.

    Parameters
    ----------
    labels : list of tuple of str
        What each record carries. Records that carry the same share one tuple.
    undecided : list of tuple of str
        What it may carry; empty unless the policy is "leave_out".
    """

    labels: list[tuple[str, ...]]
    undecided: list[tuple[str, ...]]


def task_names() -> list[str]:
    """Return the names of all tasks."""
    return list(tables().tasks)


def get_task(name: str) -> Task:
    """Return a task by name.

    Raises
    ------
    LabelError
        If there is no such task.
    """
    tasks = tables().tasks
    if name not in tasks:
        mend = did_you_mean(name, tasks)
        raise LabelError("labels.yaml", f"no task {name!r}", "one of its tasks", mend)
    return tasks[name]


def codes_of(label: str, vocabulary: str) -> frozenset[str]:
    """Return the codes that give a record a label: SCP or SNOMED CT codes, or MIMIC's patterns.

    Raises
    ------
    LabelError
        If labels.yaml does not define the label.
    ParameterError
        If there is no such vocabulary.
    """
    _check_vocabulary(vocabulary)
    return tables().codes(label, vocabulary)


def labels_of(
    codes: Iterable[str],
    vocabulary: str,
    policy: Policy = DEFAULT_POLICY,
    likelihoods: Iterable[float] | None = None,
) -> list[str]:
    """Return the labels of one record; see :func:`label_records`."""
    likelihoods = None if likelihoods is None else [list(likelihoods)]
    return list(label_records([list(codes)], vocabulary, policy, likelihoods).labels[0])


def label_records(
    codes: Sequence[Sequence[str]],
    vocabulary: str,
    policy: Policy = DEFAULT_POLICY,
    likelihoods: Sequence[Sequence[float]] | None = None,
) -> Labelled:
    """Return the labels of many records.

    Parameters
    ----------
    codes : sequence of sequence of str
        Each record's codes or statements, as the publisher writes them. Those that labels.yaml does
        not know give no label.
    vocabulary : {"scp", "mimic", "snomed"}
    policy : Policy
    likelihoods : sequence of sequence of float, optional
        Percent, one for each code; 0 where it is unknown.

    Returns
    -------
    Labelled

    Raises
    ------
    LabelError
        If a record's codes are no list of text, or have not one likelihood each.
    ParameterError
        If there is no such vocabulary.
    """
    _check_vocabulary(vocabulary)
    unique, ids, lengths = _flatten(codes)
    certain, hedged = tables().meaning(unique, vocabulary)
    bits = np.hstack([_packed(certain), _packed(hedged)])
    low = None
    if likelihoods is not None and policy.likelihood > 0:
        stated = _flat_likelihoods(likelihoods, lengths)
        low = (stated > 0) & (stated < policy.likelihood)
    there, perhaps = _by_record(bits, ids, lengths, low, policy)
    if policy.uncertain != "leave_out":
        return Labelled(_names(there), [()] * len(there))
    return Labelled(_names(there), _names(perhaps & ~there))


def unlabelled(codes: Sequence[Sequence[str]], vocabulary: str) -> dict[str, int]:
    """Return the codes that neither give nor hedge any label, and how often they occur."""
    _check_vocabulary(vocabulary)
    unique, ids, _ = _flatten(codes)
    certain, hedged = tables().meaning(unique, vocabulary)
    times = np.bincount(ids, minlength=len(unique))
    silent = np.flatnonzero(~(certain | hedged).any(axis=1))
    return {unique[k]: int(times[k]) for k in silent}


def _by_record(
    bits: np.ndarray, ids: np.ndarray, lengths: np.ndarray, low: np.ndarray | None, policy: Policy
) -> tuple[np.ndarray, np.ndarray]:
    """Join the bits of each record's codes: what is there, and what is perhaps."""
    half = bits.shape[1] // 2
    joined = np.zeros((len(lengths), bits.shape[1]), bits.dtype)
    ends = np.cumsum(lengths)
    for first in range(0, len(lengths), _CHUNK):
        some = slice(first, first + _CHUNK)
        begin = ends[first] - lengths[first]
        flat = slice(begin, ends[some][-1])
        rows = bits[ids[flat]]
        if low is not None:
            dropped = rows[low[flat]]
            if policy.uncertain == "leave_out":
                dropped[:, half:] |= dropped[:, :half]
            dropped[:, :half] = 0
            rows[low[flat]] = dropped
        filled = np.flatnonzero(lengths[some])
        if len(filled):
            starts = (ends[some] - lengths[some])[filled] - begin
            joined[first + filled] = np.bitwise_or.reduceat(rows, starts, axis=0)
    there, perhaps = joined[:, :half], joined[:, half:]
    return (there | perhaps if policy.uncertain == "present" else there), perhaps


def _packed(matrix: np.ndarray) -> np.ndarray:
    """Return booleans (rows, labels) as uint64 (rows, words), a bit a label."""
    padding = -matrix.shape[1] % 64
    return np.packbits(np.pad(matrix, ((0, 0), (0, padding))), axis=1).view(np.uint64)


def _names(words: np.ndarray) -> list[tuple[str, ...]]:
    """Return the labels whose bits are set in each row; few rows differ."""
    names = np.array(tables().names, object)
    order = np.lexsort(words.T)
    ordered = words[order]
    is_new = np.ones(len(words), bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    place = np.empty(len(words), np.int64)
    place[order] = np.cumsum(is_new) - 1
    bits = np.unpackbits(ordered[is_new].view(np.uint8), axis=1, count=len(names))
    sets = [tuple(names[row]) for row in bits.astype(bool)]
    return [sets[k] for k in place.tolist()]


def _flatten(rows: Sequence[Sequence[str]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the different values, the number of each value in turn, and the rows' lengths."""
    rows = list(rows)
    if not set(map(type, rows)) <= {list, tuple, np.ndarray}:
        wrong = next(row for row in rows if type(row) not in (list, tuple, np.ndarray))
        raise LabelError("codes of a record", repr(wrong), "a list of text")
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    number: defaultdict[str, int] = defaultdict(count().__next__)  # each new value gets the next
    ids = map(number.__getitem__, chain.from_iterable(rows))
    ids = np.fromiter(ids, np.int32, lengths.sum())
    for value in number:
        if not isinstance(value, str):
            raise LabelError("codes of a record", f"{value!r} among them", "a list of text")
    return list(number), ids, lengths


def _flat_likelihoods(rows: Sequence[Sequence[float]], lengths: np.ndarray) -> np.ndarray:
    found = np.fromiter(map(len, rows), np.int64, len(rows))
    if len(found) != len(lengths) or (found != lengths).any():
        raise LabelError(
            "likelihoods", f"{found.sum()} for {lengths.sum()} codes", "one for each code"
        )
    return np.fromiter(chain.from_iterable(rows), np.float64, lengths.sum())


def _check_vocabulary(vocabulary: str) -> None:
    if vocabulary not in VOCABULARIES:
        mend = did_you_mean(vocabulary, VOCABULARIES)
        raise ParameterError("vocabulary", repr(vocabulary), "a vocabulary", mend)


def carries(labels: Sequence[Sequence[str]], wanted: Sequence[str]) -> np.ndarray:
    """Return which records carry which labels.

    Parameters
    ----------
    labels : sequence of sequence of str
        The labels of each record.
    wanted : sequence of str

    Returns
    -------
    ndarray of bool, shape (records, wanted)
    """
    unique, ids, lengths = _flatten(labels)
    column = {name: k for k, name in enumerate(wanted)}
    columns = np.array([column.get(name, -1) for name in unique], np.int64)[ids]
    rows = np.repeat(np.arange(len(lengths)), lengths)
    matrix = np.zeros((len(lengths), len(wanted)), bool)
    matrix[rows[columns >= 0], columns[columns >= 0]] = True
    return matrix


def label_matrix(
    labels: Sequence[Sequence[str]],
    task: Task,
    undecided: Sequence[Sequence[str]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth of each record for a task.

    Parameters
    ----------
    labels, undecided : sequence of sequence of str
        As in :class:`Labelled`.
    task : Task

    Returns
    -------
    truth : ndarray of float32, shape (records, labels)
        1 where the record carries the label.
    takes_part : ndarray of bool, shape (records,)
        Whether the record belongs to the task's population, and each of the task's labels is
        decided for it.
    """
    truth = carries(labels, task.labels)
    takes_part = np.ones(len(truth), bool)
    if task.population:
        takes_part = carries(labels, task.population).any(axis=1)
    if undecided is not None:
        takes_part &= ~carries(undecided, task.labels).any(axis=1)
    return truth.astype(np.float32), takes_part


def check_draw(task: Task, wanted: object, where: str) -> None:
    """Refuse a balanced draw, such as {"lqt": 500, "neg": 500}, that means nothing.

    Raises
    ------
    ParameterError
        If it is no mapping, or names what is no label of the task, or too few records.
    """
    known = (*task.labels, NEGATIVE)
    if not isinstance(wanted, Mapping) or not wanted:
        raise ParameterError(where, repr(wanted), f"records for any of {', '.join(known)}")
    for label, records in wanted.items():
        if label not in known:
            mend = did_you_mean(label, known)
            raise ParameterError(where, repr(label), f"a label of {task.name}, or neg", mend)
        if type(records) is not int or records < SMALLEST_DRAW:
            raise ParameterError(
                f"{where}: {label}", repr(records), f"a whole number, at least {SMALLEST_DRAW}"
            )


def split_of(fold: int) -> str:
    """Return the split of a PTB-XL fold: 1-8 train, 9 validation, 10 test."""
    return {VALIDATION_FOLD: "validation", TEST_FOLD: "test"}.get(fold, "train")


def require_both_classes(truth: np.ndarray, task: Task, split: str) -> None:
    """Refuse a split in which a label is always or never there: nothing can be learnt or measured.

    Raises
    ------
    LabelError
        Naming each such label.
    """
    positives, records = truth.sum(axis=0).astype(int), len(truth)
    poor = [
        f"{label} {n} of {records}"
        for label, n in zip(task.labels, positives, strict=True)
        if n in (0, records)
    ]
    if poor:
        raise LabelError(
            f"task {task.name}, {split} split",
            f"positives: {', '.join(poor)}",
            "positives and negatives of every label",
            "Use more records, or a task whose labels this data set has.",
        )
