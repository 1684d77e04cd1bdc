"""The evaluation of one trained model: thresholds on validation, then the test split, once."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ecglens.evaluation.curves import precision_recall_curves, roc_curves
from ecglens.evaluation.intervals import interval_table
from ecglens.evaluation.metrics import auroc_by_task, choose_thresholds, report, untied
from ecglens.evaluation.reliability import reliability
from ecglens.labels import Task
from ecglens.plots.cases import Case, write_cases
from ecglens.plots.curves import Curve, draw_precision_recall, draw_roc
from ecglens.plots.heat import save_figure
from ecglens.plots.reliability import draw_reliability
from ecglens.record import Record
from ecglens.splits import Split
from ecglens.store import Store


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` measured.

    Parameters
    ----------
    thresholds : list of float
        One a label, chosen on the validation split.
    validation, test : dict
        As :func:`ecglens.evaluation.metrics.report` returns them.
    test_probability : ndarray of float32, shape (records, labels)
    test_score : ndarray of float64, shape (records, labels)
        The same, as :func:`ecglens.evaluation.metrics.untied` orders it.
    """

    thresholds: list[float]
    validation: dict
    test: dict
    test_probability: np.ndarray
    test_score: np.ndarray


def evaluate(
    model: keras.Model, store: Store, validation: Split, test: Split, task: Task, rule: str
) -> Evaluation:
    """Choose thresholds on the validation split, and measure both splits at them.

    Parameters
    ----------
    model : keras.Model
        Of the table, trained.
    rule : str
        How thresholds are chosen; see :func:`ecglens.evaluation.metrics.choose_threshold`.
    """
    on_validation, on_test = (predict(model, store, split) for split in (validation, test))
    thresholds = choose_thresholds(validation.truth, on_validation["probability"], rule)
    scores = [untied(on["probability"], on["logit"]) for on in (on_validation, on_test)]
    reports = [
        report(split.truth, score, task.labels, thresholds)
        | ({"tasks": auroc_by_task(split.truth, score, task)} if task.joins else {})
        for split, score in zip((validation, test), scores, strict=True)
    ]
    return Evaluation(thresholds, *reports, on_test["probability"], scores[1])


def predict(
    model: keras.Model, store: Store, split: Split, batch_size: int = 256
) -> dict[str, np.ndarray]:
    """Return probabilities and logits (records, labels) of a split, without its attributions."""
    answer = keras.Model(model.input, {x: model.output[x] for x in ("probability", "logit")})
    parts = [
        answer.predict_on_batch(store.millivolts(split.rows[start : start + batch_size]))
        for start in range(0, len(split.rows), batch_size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def write_report(result: Evaluation, test: Split, task: Task, folder: Path) -> None:
    """Write metrics, thresholds, test predictions and curves into a folder.

    ``metrics.json`` (test and validation), ``thresholds.json`` (for the export), ``intervals.csv``
    (each figure of the test split with its 95 % interval), ``roc.csv``, ``roc.png``,
    ``precision_recall.png``, ``reliability.png`` and ``predictions.csv``, a row a test record.
    """
    metrics = {"test": result.test, "validation": result.validation}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    thresholds = dict(zip(task.labels, result.thresholds, strict=True))
    (folder / "thresholds.json").write_text(json.dumps(thresholds, indent=1) + "\n")
    answers = test.truth, result.test_score, task.labels, result.thresholds
    table = interval_table(*answers, groups=test.patients)
    _write_intervals(table, folder / "intervals.csv")
    curves = roc_curves(*answers, table, groups=test.patients)
    _write_roc(curves, folder / "roc.csv")
    title = f"{task.name}: test split"
    save_figure(draw_roc(curves, title=title), folder / "roc.png")
    precision = precision_recall_curves(*answers, table)
    save_figure(draw_precision_recall(precision, title=title), folder / "precision_recall.png")
    calibration = {
        label: reliability(test.truth[:, k], result.test_probability[:, k])
        for k, label in enumerate(task.labels)
    }
    save_figure(draw_reliability(calibration, title=title), folder / "reliability.png")
    _write_predictions(result, test, task, folder / "predictions.csv")


def _write_intervals(table: list[dict], path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        for row in table:
            writer.writerow({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()})


def _write_roc(curves: dict[str, Curve], path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "false_positive_rate", "sensitivity"])
        for label, curve in curves.items():
            for point in zip(curve.x, curve.y, strict=True):
                writer.writerow([label, *(f"{value:.6f}" for value in point)])


def _write_predictions(result: Evaluation, test: Split, task: Task, path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        truth = [f"{label}_truth" for label in task.labels]
        writer.writerow(["record_id", *task.labels, *truth])
        for record_id, probability, labels in zip(
            test.record_ids, result.test_probability, test.truth, strict=True
        ):
            shown = (f"{value:.6f}" for value in probability)
            writer.writerow([record_id, *shown, *labels.astype(int)])


def write_case_file(
    model: keras.Model, store: Store, test: Split, task: Task, result: Evaluation,
    path: Path, figures: int,
) -> int:  # fmt: skip
    """Write a PDF of a found, a missed and a falsely given record of the first ``figures`` labels.

    Of each kind the typical one, with the median probability; a kind that there is none of is left
    out. Of a model that is not additive the tracing is drawn, and that it brings no exact
    explanation.

    Returns
    -------
    int
        How many cases it holds. Of none, no file is written.
    """
    cases = []
    for k in range(min(figures, len(task.labels))):
        truth = test.truth[:, k] == 1
        given = result.test_probability[:, k] >= result.thresholds[k]
        for kind in (truth & given, truth & ~given, ~truth & given):
            case = _median_case(model, store, test, task, result, k, kind)
            cases += [] if case is None else [case]
    if cases:
        write_cases(path, cases, title=f"Cases of {task.name}, test split")
    return len(cases)


def _median_case(
    model: keras.Model, store: Store, test: Split, task: Task, result: Evaluation,
    k: int, kind: np.ndarray,
) -> Case | None:  # fmt: skip
    """Return the case of label k with the median probability among the records of a kind.

    Parameters
    ----------
    kind : ndarray of bool, shape (records,)
        The test records to choose from; None is returned where there is none.
    """
    place = np.flatnonzero(kind)
    if not len(place):
        return None
    chosen = place[np.argsort(result.test_probability[place, k])[len(place) // 2]]
    signal = store.millivolts(test.rows[chosen : chosen + 1])
    output = {name: value[0] for name, value in model.predict_on_batch(signal).items()}
    return Case(
        Record(signal[0], store.sampling_frequency, str(test.record_ids[chosen])),
        task.labels[k],
        output["attribution"][..., k] if "attribution" in output else None,
        probability=float(output["probability"][k]),
        threshold=result.thresholds[k],
        bias=float(output["bias"][k]) if "bias" in output else None,
        logit=float(output["logit"][k]),
        truth=bool(test.truth[chosen, k]),
    )
