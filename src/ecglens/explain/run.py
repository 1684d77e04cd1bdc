"""The explanations of one trained model: cases that speak for themselves, and whole classes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.errors import DatasetError
from ecglens.explain import explain, find_method
from ecglens.explain.beats import average_beats
from ecglens.explain.by_wave import sentence, table_by_wave
from ecglens.explain.named_model import NamedModel
from ecglens.explain.picture import draw_average, draw_explanation
from ecglens.explain.waves import delineate
from ecglens.plots.heat import save_figure
from ecglens.record import Record
from ecglens.store import Store

KINDS = ("correct", "missed", "false")


@dataclass(frozen=True)
class Case:
    """A test record that shows something of a label.

    Parameters
    ----------
    label : str
    kind : {"correct", "missed", "false"}
        Found rightly; has the label, not given; given, has it not.
    record_id : int or str
    """

    label: str
    kind: str
    record_id: int | str


def choose_cases(predictions: pd.DataFrame, thresholds: dict[str, float], k: int) -> list[Case]:
    """Choose up to k test records of each label and kind.

    Of those found rightly the typical, around the median probability; of the missed and the false
    ones the worst, in which the model was surest.

    Parameters
    ----------
    predictions : DataFrame
        As :func:`ecglens.evaluation.run.write_report` writes it.
    thresholds : dict of str to float
    """
    cases = []
    for label, threshold in thresholds.items():
        given, has = predictions[label] >= threshold, predictions[f"{label}_truth"] == 1
        found = predictions[given & has].sort_values(label)
        first = max((len(found) - k) // 2, 0)
        chosen = {
            "correct": found[first : first + k],
            "missed": predictions[~given & has].nsmallest(k, label),
            "false": predictions[given & ~has].nlargest(k, label),
        }
        cases += [
            Case(label, kind, record_id)
            for kind, rows in chosen.items()
            for record_id in rows.record_id
        ]
    return cases


def read_predictions(folder: Path, store: Store) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the test predictions and thresholds that the stage evaluate wrote.

    Raises
    ------
    DatasetError
        If a record of them is not in the store.
    """
    thresholds = json.loads((folder / "thresholds.json").read_text())
    kind = str if store.record_ids.dtype == object else store.record_ids.dtype
    path = folder / "predictions.csv"
    predictions = pd.read_csv(path, dtype={"record_id": kind}, keep_default_na=False)
    unknown = np.setdiff1d(predictions.record_id, store.record_ids)
    if len(unknown):
        mend = "Run 'dvc repro evaluate': the data have changed."
        raise DatasetError(path, f"record {unknown[0]}", "records of the prepared arrays", mend)
    return predictions, thresholds


def usable(model: NamedModel, methods: Sequence[str]) -> list[str]:
    """Return the methods that the model can be explained by; the exact one needs an additive."""
    return [m for m in methods if find_method(m).needs != "additive model" or model.additive]


def explain_cases(
    model: NamedModel, store: Store, cases: Sequence[Case], thresholds: dict, methods, folder: Path
) -> dict[str, float]:
    """Write each case as a figure by the first method, and the maps of all methods.

    ``cases/LABEL_KIND_RECORD.png``, and ``maps/cases_METHOD.npz`` with all labels' maps of all
    cases. The folder ``cases`` is made even if there is none.

    Returns
    -------
    dict of str to float
        Largest completeness error of each method, in logit units.
    """
    pictures, maps = folder / "cases", folder / "maps"
    pictures.mkdir(parents=True, exist_ok=True)
    ids = list(dict.fromkeys(case.record_id for case in cases))
    if not ids:
        return {}
    records = _records(store, ids)
    errors = {}
    for number, method in enumerate(methods):
        explanation = explain(model, records, None, method)
        errors[method] = float(explanation.completeness_error.max())
        explanation.save(maps / f"cases_{method}.npz")
        for case in cases if number == 0 else ():
            place = ids.index(case.record_id)
            about = explanation, place, case.label, records[place], thresholds[case.label]
            figure = draw_explanation(*about)
            save_figure(figure, pictures / f"{_safe(case.label)}_{case.kind}_{case.record_id}.png")
    return errors


def explain_classes(
    model: NamedModel, store: Store, predictions: pd.DataFrame, thresholds: dict, methods,
    records: int, folder: Path,
) -> dict[str, dict[str, str]]:  # fmt: skip
    """Write what each label comes from, over records that were found rightly.

    In ``maps``: ``waves_METHOD.csv``, attribution by record, label, wave and lead;
    ``beats_METHOD.npz``, beat-aligned averages, and ``beats_METHOD_LABEL.png``, the same as a
    picture, where there is a record; ``sentences.json``.

    Returns
    -------
    dict of str to dict of str to str
        A sentence by method and label.
    """
    maps = folder / "maps"
    maps.mkdir(parents=True, exist_ok=True)
    members: dict[str, list] = {label: [] for label in model.labels}
    for case in choose_cases(predictions, thresholds, records):
        members[case.label] += [case.record_id] if case.kind == "correct" else []
    ids = list(dict.fromkeys(i for chosen in members.values() for i in chosen))
    sentences = {}
    if ids:
        chosen = _records(store, ids)
        signals = np.stack([record.signal for record in chosen])
        rate = store.sampling_frequency
        waves = [delineate(signal, rate) for signal in signals]
        masks = np.stack([w.mask(len(s), rate) for w, s in zip(waves, signals, strict=True)])
        belongs = np.array([[i in members[label] for label in model.labels] for i in ids])
        for method in methods:
            explanation = explain(model, chosen, None, method)
            if explanation.over_time:
                sentences[method] = _write_classes(
                    explanation, signals, masks, belongs, [w.r_peaks for w in waves], maps
                )
    (maps / "sentences.json").write_text(json.dumps(sentences, indent=1) + "\n")
    return sentences


def _write_classes(explanation, signals, masks, belongs, peaks, folder: Path) -> dict[str, str]:
    table = table_by_wave(explanation, signals, masks)
    pairs = {
        (name, label)
        for name, row in zip(explanation.record_names, belongs, strict=True)
        for label, yes in zip(explanation.labels, row, strict=True)
        if yes
    }
    own = [pair in pairs for pair in zip(table.record, table.label, strict=True)]
    table = table[own]
    table.to_csv(folder / f"waves_{explanation.method}.csv", index=False, float_format="%.6g")
    beats = average_beats(explanation, signals, belongs, peaks)
    np.savez_compressed(folder / f"beats_{explanation.method}.npz", **vars(beats))
    for label in np.array(beats.labels)[beats.records > 0].tolist():
        path = folder / f"beats_{explanation.method}_{_safe(label)}.png"
        save_figure(draw_average(beats, label), path)
    return {label: sentence(table, label) for label in table.label.unique()}


def _records(store: Store, ids: Sequence) -> list[Record]:
    place = {record_id: row for row, record_id in enumerate(store.record_ids)}
    signals = store.millivolts(np.array([place[i] for i in ids]))
    rate = store.sampling_frequency
    return [Record(signal, rate, str(i)) for signal, i in zip(signals, ids, strict=True)]


def _safe(label: str) -> str:
    return label.replace("/", "-")
