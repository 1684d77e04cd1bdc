"""From the codes that a record carries to the label matrix of a task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import yaml

from ecglens.errors import LabelError, did_you_mean

SPLITS = ("train", "validation", "test")
VALIDATION_FOLD, TEST_FOLD = 9, 10


@dataclass(frozen=True)
class Task:
    """One question that a model answers.

    Parameters
    ----------
    name : str
        As in ``labels.yaml`` and ``params.yaml``.
    labels : tuple of str
        One output each. A task of one label is binary.
    population : tuple of str
        A record must carry one of these labels to take part; empty where all take part.
    """

    name: str
    labels: tuple[str, ...]
    population: tuple[str, ...] = ()


@cache
def _tables() -> dict:
    """Return the content of labels.yaml."""
    return yaml.safe_load(files("ecglens").joinpath("labels.yaml").read_text("utf-8"))


def task_names() -> list[str]:
    """Return the names of all tasks."""
    return list(_tables()["tasks"])


def get_task(name: str) -> Task:
    """Return a task by name.

    Raises
    ------
    LabelError
        If there is no such task, or it names a label that labels.yaml does not define.
    """
    tasks = _tables()["tasks"]
    if name not in tasks:
        raise LabelError(
            "labels.yaml", f"no task {name!r}", "one of its tasks", did_you_mean(name, tasks)
        )
    entry = tasks[name]
    task = Task(name, tuple(entry["labels"]), tuple(entry.get("population", ())))
    for label in task.labels + task.population:
        scp_codes(label)
    return task


def scp_codes(label: str) -> frozenset[str]:
    """Return the SCP codes that give a record this label.

    Raises
    ------
    LabelError
        If labels.yaml does not define the label.
    """
    labels = _tables()["labels"]
    if label not in labels:
        raise LabelError(
            "labels.yaml", f"no label {label!r}", "one of its labels", did_you_mean(label, labels)
        )
    entry = labels[label]
    if "any_of" in entry:
        return frozenset().union(*(scp_codes(part) for part in entry["any_of"]))
    return frozenset(entry["scp"])


def carries(codes: Iterable[Iterable[str]], label: str) -> np.ndarray:
    """Return, for each record's codes, whether it carries the label.

    Returns
    -------
    ndarray of bool, shape (records,)
    """
    wanted = scp_codes(label)
    return np.array([not wanted.isdisjoint(c) for c in codes], bool)


def label_matrix(codes: Sequence[Iterable[str]], task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth of each record for a task.

    Parameters
    ----------
    codes : sequence of iterables of str
        The SCP codes of each record.
    task : Task

    Returns
    -------
    truth : ndarray of float32, shape (records, labels)
        1 where the record carries the label.
    takes_part : ndarray of bool, shape (records,)
        Whether the record belongs to the task's population.
    """
    truth = np.stack([carries(codes, label) for label in task.labels], axis=1)
    takes_part = np.ones(len(codes), bool)
    if task.population:
        takes_part = np.any([carries(codes, label) for label in task.population], axis=0)
    return truth.astype(np.float32), takes_part


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
