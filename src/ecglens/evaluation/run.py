"""The evaluation of one trained model: thresholds on validation, then the test split, once."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ecglens.evaluation.metrics import choose_thresholds, report, roc
from ecglens.labels import Task
from ecglens.plots.curves import draw_roc
from ecglens.plots.explained import draw_explained
from ecglens.plots.heat import save_figure
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
    """

    thresholds: list[float]
    validation: dict
    test: dict
    test_probability: np.ndarray


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
    on_validation = predict_probability(model, store, validation)
    thresholds = choose_thresholds(validation.truth, on_validation, rule)
    on_test = predict_probability(model, store, test)
    return Evaluation(
        thresholds,
        report(validation.truth, on_validation, task.labels, thresholds),
        report(test.truth, on_test, task.labels, thresholds),
        on_test,
    )


def predict_probability(
    model: keras.Model, store: Store, split: Split, batch_size: int = 256
) -> np.ndarray:
    """Return probabilities (records, labels) of a split, without its attributions."""
    answer = keras.Model(model.input, model.output["probability"])
    parts = [
        answer.predict_on_batch(store.millivolts(split.rows[start : start + batch_size]))
        for start in range(0, len(split.rows), batch_size)
    ]
    return np.concatenate(parts)


def write_report(result: Evaluation, test: Split, task: Task, folder: Path) -> None:
    """Write metrics, thresholds, test predictions and ROC curves into a folder.

    ``metrics.json`` (test and validation), ``thresholds.json`` (for the export), ``roc.csv``,
    ``roc.png`` and ``predictions.csv``, a row a test record.
    """
    metrics = {"test": result.test, "validation": result.validation}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    thresholds = dict(zip(task.labels, result.thresholds, strict=True))
    (folder / "thresholds.json").write_text(json.dumps(thresholds, indent=1) + "\n")
    curves = {}
    for k, label in enumerate(task.labels):
        row = result.test["labels"][label]
        false_positive_rate, sensitivity = roc(test.truth[:, k], result.test_probability[:, k])
        point = (1 - row["specificity"], row["sensitivity"])
        curves[label] = (false_positive_rate, sensitivity, row["auroc"], point)
    _write_roc(curves, folder / "roc.csv")
    save_figure(draw_roc(curves, title=f"{task.name}: test split"), folder / "roc.png")
    _write_predictions(result, test, task, folder / "predictions.csv")


def _write_roc(curves: dict, path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "false_positive_rate", "sensitivity"])
        for label, (false_positive_rate, sensitivity, *_) in curves.items():
            for point in zip(false_positive_rate, sensitivity, strict=True):
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


def draw_explanations(
    model: keras.Model, store: Store, test: Split, task: Task, result: Evaluation,
    folder: Path, figures: int,
) -> list[Path]:  # fmt: skip
    """Draw, for each of the first ``figures`` labels, a typical record that was found rightly.

    Typical: of the median probability among the true positives. A label that was never found
    rightly is left out. Of a model that is not additive the tracing is drawn, and that it brings no
    exact explanation.

    Returns
    -------
    list of Path
        The pictures, ``LABEL.png``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, label in enumerate(task.labels[:figures]):
        probability = result.test_probability[:, k]
        found = np.flatnonzero((test.truth[:, k] == 1) & (probability >= result.thresholds[k]))
        if not len(found):
            continue
        chosen = found[np.argsort(probability[found])[len(found) // 2]]
        paths.append(folder / f"{label}.png")
        signal = store.millivolts(test.rows[chosen : chosen + 1])
        record = Record(signal[0], store.sampling_frequency, str(test.record_ids[chosen]))
        output = {name: value[0] for name, value in model.predict_on_batch(signal).items()}
        figure = draw_explained(
            record,
            label,
            output["attribution"][..., k] if "attribution" in output else None,
            probability=float(output["probability"][k]),
            threshold=result.thresholds[k],
            bias=float(output["bias"][k]) if "bias" in output else None,
            logit=float(output["logit"][k]),
        )
        save_figure(figure, paths[-1])
    return paths
