"""The labels of a manifest: adding them, drawing balanced sets from them, counting them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ecglens.errors import LabelError
from ecglens.labels import (
    NEGATIVE,
    SPLITS,
    Policy,
    Task,
    carries,
    check_draw,
    get_task,
    label_matrix,
    label_records,
    unlabelled,
)
from ecglens.vocabulary import tables

SMALLER_SHARE = 0.1  # of a draw, for each of validation and test: as PTB-XL's folds
EVIDENCE = "evidence"  # the column
_CHUNK = 100_000  # records


def with_labels(manifest: pd.DataFrame, vocabulary: str, policy: Policy) -> pd.DataFrame:
    """Return a manifest with its records' labels.

    Parameters
    ----------
    manifest : DataFrame
        With ``codes``, and ``likelihoods`` where the publisher states them.
    vocabulary : {"scp", "mimic", "snomed"}
        What the codes are.
    policy : Policy

    Returns
    -------
    DataFrame
        With ``labels`` and ``undecided``, lists; see :class:`ecglens.labels.Labelled`.
    """
    likelihoods = manifest.likelihoods.tolist() if "likelihoods" in manifest else None
    labelled = label_records(manifest.codes.tolist(), vocabulary, policy, likelihoods)
    return manifest.assign(labels=labelled.labels, undecided=labelled.undecided)


def with_evidence(manifest: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return a manifest with ``evidence``: where the signs of a record's codes are.

    Parameters
    ----------
    manifest : DataFrame
    table : DataFrame
        As :func:`ecglens.datasets.simulated.read_evidence` gives it.

    Returns
    -------
    DataFrame
        With a list a record, whose items have ``scp_code``, ``start_s``, ``end_s`` and ``leads``.
    """
    rows = table.drop(columns="ecg_id").to_dict("records")
    lists = pd.Series(rows, index=table.ecg_id).groupby(level=0).agg(list).to_dict()
    return manifest.assign(**{EVIDENCE: [lists.get(record, []) for record in manifest.record_id]})


def with_draws(
    manifest: pd.DataFrame,
    draws: Mapping[str, Mapping[str, int]],
    seed: int,
    tasks: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a manifest with ``draws``, the tasks for which each record was drawn, and ``needed``.

    ``needed`` is whether a record is worth preparing: all are, unless each task has a draw, for
    then those that were drawn for none are read by nobody. It stands here and is not worked out
    when records are prepared, so that a new task without a draw among others without one changes
    nothing, and prepares nothing anew.

    Parameters
    ----------
    manifest : DataFrame
        As :func:`with_labels` returns it.
    draws : mapping
        For each task that is to use a balanced draw what :func:`balanced_draw` takes.
    seed : int
    tasks : sequence of str
        All that the manifest is for; none: unknown, and every record is needed.
    """
    drawn = [[] for _ in range(len(manifest))]
    for name, wanted in draws.items():
        for row in np.flatnonzero(balanced_draw(manifest, get_task(name), wanted, seed)):
            drawn[row].append(name)
    only_draws = bool(tasks) and set(tasks) <= set(draws)
    return manifest.assign(draws=drawn, needed=[bool(x) or not only_draws for x in drawn])


def balanced_draw(
    manifest: pd.DataFrame, task: Task, wanted: Mapping[str, int], seed: int
) -> np.ndarray:
    """Return which records a balanced draw for a task takes.

    Records are drawn within each split, 80 % in training and 10 % each in validation and test, so
    no patient is in two. Patients are drawn, not records: nobody gives a second record for a label
    before everybody who can has given one. The draw depends on the seed and on what is in the
    manifest, not on the order of its rows.

    Parameters
    ----------
    manifest : DataFrame
        As :func:`with_labels` returns it.
    task : Task
    wanted : mapping of str to int
        How many records of each label, such as ``{"lqt": 500, "neg": 500}``; neg are records that
        carry no label of the task. A record that was drawn for one label counts for all that it
        carries, so a label may get more.
    seed : int

    Returns
    -------
    ndarray of bool, shape (records,)

    Raises
    ------
    ParameterError
        If ``wanted`` means nothing.
    LabelError
        If a split has too few records of a label.
    """
    check_draw(task, wanted, f"labels.draws: {task.name}")
    truth, takes_part = label_matrix(manifest.labels.tolist(), task, manifest.undecided.tolist())
    carried = dict(zip(task.labels, truth.T > 0, strict=True))
    carried[NEGATIVE] = ~truth.any(axis=1)
    order = _by_patient(manifest, seed)
    chosen = np.zeros(len(manifest), bool)
    short = []
    for split in SPLITS:
        pools = {x: carried[x] & takes_part & (manifest.split == split).to_numpy() for x in wanted}
        for label in sorted(wanted, key=lambda x: (pools[x].sum(), x)):  # the rarest first
            number, pool = _share(wanted[label], split), pools[label]
            if pool.sum() < number:
                short.append(f"{label} {pool.sum()} of {number} in {split}")
            missing = max(0, number - (chosen & pool).sum())
            chosen[order(np.flatnonzero(pool & ~chosen))[:missing]] = True
    if short:
        raise LabelError(
            f"labels.draws: {task.name}",
            f"too few records: {', '.join(short)}",
            "as many as are to be drawn",
            "Draw fewer, or leave the draw out to use all records.",
        )
    return chosen


def _by_patient(manifest: pd.DataFrame, seed: int):
    """Return a function that orders rows: a first record of each patient, then second ones."""
    rng = np.random.default_rng(seed)
    turn = np.empty(len(manifest), np.int64)  # of a record among its patient's
    turn[np.argsort(manifest.record_id.to_numpy(), kind="stable")] = rng.permutation(len(manifest))
    patient, patients = pd.factorize(manifest.patient_id, sort=True)
    turn_of_patient = rng.permutation(len(patients))[patient]

    def order(rows: np.ndarray) -> np.ndarray:
        rows = rows[np.argsort(turn[rows])]
        nth = pd.Series(patient[rows]).groupby(patient[rows]).cumcount().to_numpy()
        return rows[np.lexsort((turn_of_patient[rows], nth))]

    return order


def _share(records: int, split: str) -> int:
    smaller = round(records * SMALLER_SHARE)
    return records - 2 * smaller if split == "train" else smaller


def count_labels(manifest: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return how many records carry each label.

    Parameters
    ----------
    manifest : DataFrame
        As :func:`with_labels` returns it.
    dataset : str
        Its name, for the column ``set``.

    Returns
    -------
    DataFrame
        One row a label, in the order of labels.yaml: ``set``, ``label``, ``name``; records in
        ``train``, ``validation``, ``test`` and all together in ``records``; ``undecided`` records;
        ``patients``.
    """
    book = tables()
    there = carries(manifest.labels.tolist(), book.names)
    patient, patients = pd.factorize(manifest.patient_id)
    table = {"set": dataset, "label": book.names, "name": [x.name for x in book.labels.values()]}
    for split in SPLITS:
        table[split] = there[(manifest.split == split).to_numpy()].sum(axis=0)
    table["records"] = there.sum(axis=0)
    table["undecided"] = carries(manifest.undecided.tolist(), book.names).sum(axis=0)
    table["patients"] = [
        np.count_nonzero(np.bincount(patient[column], minlength=len(patients)))
        for column in there.T
    ]
    return pd.DataFrame(table)


def count_pairs(manifest: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return how many records carry two labels at once, the commonest pair first.

    Pairs that a code joins by definition, such as MI and IMI, are left out.

    Returns
    -------
    DataFrame
        ``set``, ``label``, ``other``, ``records``, and ``share`` of the records of the rarer one.
    """
    book = tables()
    there = carries(manifest.labels.tolist(), book.names)
    joint = np.zeros((len(book.names), len(book.names)), np.int64)
    for first in range(0, len(there), _CHUNK):
        part = there[first : first + _CHUNK].astype(np.float32)
        joint += (part.T @ part).astype(np.int64)
    single = joint.diagonal()
    by_definition = book.parts @ book.parts.T
    a, b = np.nonzero(np.triu((joint > 0) & ~by_definition, k=1))
    names = np.array(book.names, object)
    table = pd.DataFrame(
        {
            "set": dataset,
            "label": names[a],
            "other": names[b],
            "records": joint[a, b],
            "share": (joint[a, b] / np.minimum(single[a], single[b])).round(4),
        }
    )
    return table.sort_values(["records", "label"], ascending=[False, True], ignore_index=True)


def count_unlabelled(manifest: pd.DataFrame, dataset: str, vocabulary: str) -> pd.DataFrame:
    """Return the codes that give no label, and how often they occur, the commonest first.

    Returns
    -------
    DataFrame
        ``set``, ``code``, ``times``. Statements that deny a finding are among them.
    """
    times = unlabelled(manifest.codes.tolist(), vocabulary)
    table = pd.DataFrame({"set": dataset, "code": list(times), "times": list(times.values())})
    return table.sort_values(["times", "code"], ascending=[False, True], ignore_index=True)
