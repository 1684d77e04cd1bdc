"""The benchmark of explanations for a trained model of the pipeline, and what it writes."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.errors import LabelError, ParameterError, RecordError
from ecglens.explain.benchmark import Benchmark, Settings, check_methods, spread_out
from ecglens.explain.faithfulness_cases import (
    CaseSet,
    kept,
    ludb_cases,
    simulated_cases,
    split_cases,
)
from ecglens.explain.faithfulness_evidence import expected_labels
from ecglens.explain.faithfulness_summary import MEAN, MEASURES, markdown, summarise
from ecglens.explain.named_model import NamedModel
from ecglens.files import whole_folder
from ecglens.labels import Task
from ecglens.models import load_model
from ecglens.params import Params, evaluation_folder, trained_folder
from ecglens.plots.faithfulness import draw_faithfulness
from ecglens.plots.heat import save_figure
from ecglens.store import open_store

RECORDED = 200  # records of a validation split; each is delineated anew
THRESHOLD = 0.5  # where no evaluation has chosen one
DRAWN = (
    "localisation_time", "localisation_lead", "pointing_game_time", "degradation_time_zero",
    "degradation_time_bridge", "faithfulness_correlation", "noise_correlation",
    "randomised_all_similarity",
)  # fmt: skip
LOGGED = (
    "localisation_time", "localisation_lead", "pointing_game_time", "rank_accuracy_time",
    "degradation_time_zero", "degradation_time_bridge", "insertion_time_zero",
    "deletion_time_zero", "faithfulness_correlation", "infidelity", "completeness_error",
    "noise_correlation", "shift_correlation", "randomised_all_similarity", "evidence_share_time",
    "milliseconds",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is to be judged.

    Parameters
    ----------
    records : int
        Simulated ones.
    dear : int
        Records a label for the dear measures.
    methods : sequence of str
        All that fit the model where empty.
    ludb : Path or None
        LUDB as published, to judge on it as well.
    recorded : Params or None
        Whose data set's validation split is judged as well, where it is a recorded one.
    """

    records: int
    dear: int
    methods: Sequence[str] = ()
    ludb: Path | None = None
    recorded: Params | None = None


def named_model(task: Task, name: str, sampling_frequency: int) -> NamedModel:
    """Return a trained model of the pipeline with its labels."""
    model = load_model(trained_folder(task.name, name) / "model.keras")
    return NamedModel(model, task.labels, sampling_frequency)


def thresholds_of(task: Task, name: str) -> dict[str, float]:
    """Return the thresholds that the evaluate stage chose; one half each where it has not run."""
    path = evaluation_folder(task.name, name) / "thresholds.json"
    return json.loads(path.read_text()) if path.is_file() else dict.fromkeys(task.labels, THRESHOLD)


def case_sets(
    model: NamedModel, question: Question, thresholds: dict[str, float]
) -> tuple[list[CaseSet], dict[str, str]]:
    """Return the sets of cases that the model finds, and of the others why there are none.

    A task whose labels a set does not show is no failure of the pipeline.
    """
    shape = {"samples": model.samples, "sampling_frequency": int(model.sampling_frequency)}
    makers = {"simulated": lambda: simulated_cases(model.labels, question.records, **shape)}
    if question.ludb is not None:
        makers["ludb"] = lambda: ludb_cases(question.ludb, model.labels, **shape)
    if question.recorded is not None and question.recorded.dataset not in ("simulated", "ludb"):
        makers[question.recorded.dataset] = lambda: _recorded(model, question.recorded)
    found, not_judged = [], {}
    for name, make in makers.items():
        try:
            made = make()
            found.append(kept(made, _positive(model, made, thresholds)))
        except (LabelError, RecordError) as error:
            not_judged[name] = str(error)
    return found, not_judged


def _positive(model: NamedModel, case_set: CaseSet, thresholds: dict[str, float]) -> dict:
    """Return of each label which records the model finds."""
    starts = range(0, len(case_set.signals), 256)
    parts = [model.run(case_set.signals[i : i + 256])["probability"] for i in starts]
    probability = np.concatenate(parts)
    return {
        label: probability[:, column] >= thresholds[label]
        for column, label in enumerate(model.labels)
    }


def _recorded(model: NamedModel, params: Params) -> CaseSet:
    """Return records of the validation split that carry a label of which something is expected."""
    store = open_store(params.signals)
    table = pd.read_parquet(params.manifest, columns=["record_id", "split", "labels"])
    table = table.set_index("record_id").loc[store.record_ids]
    useful = [label for label in model.labels if label in expected_labels()]
    wanted = np.array([
        split == "validation" and not set(useful).isdisjoint(labels)
        for split, labels in zip(table.split, table.labels, strict=True)
    ])  # fmt: skip
    rows = np.flatnonzero(wanted)
    rows = rows[spread_out(len(rows), RECORDED)]
    carried = table.labels.iloc[rows].tolist()
    return split_cases(params.dataset, store, rows, carried, model.labels)


def judge(
    task: Task,
    name: str,
    question: Question,
    folder: Path,
    *,
    sampling_frequency: int,
    restart: bool = False,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Judge methods on a trained model and write what was found.

    Parameters
    ----------
    task : Task
    name : str
        Of the model.
    question : Question
    folder : Path
        Receives ``summary.csv``, ``values.parquet``, ``protocol.json``, and of each set a table
        ``SET.md`` and a picture ``SET.png``. Replaced if it exists. Beside it, in a folder of the
        same name ending in ``.kept``, stands what a later run need not measure again.
    sampling_frequency : int
        The model's, Hz.
    restart : bool
        Measure everything anew.

    Returns
    -------
    summary : DataFrame
        As :func:`ecglens.explain.faithfulness_summary.summarise` returns it.
    not_judged : dict of str to str
        Sets without a case, and why.
    """
    check_methods(question.methods)  # before anything that takes long
    model = named_model(task, name, sampling_frequency)
    thresholds = thresholds_of(task, name)
    sets, not_judged = case_sets(model, question, thresholds)
    settings = Settings(dear=question.dear)
    bench = Benchmark(model, sets, settings)
    results = folder.with_name(folder.name + ".kept")
    if restart:
        shutil.rmtree(results, ignore_errors=True)
    values = bench.run(bench.methods(question.methods) if sets else [], results)
    summary = summarise(values)
    with whole_folder(folder) as part:
        values.to_parquet(part / "values.parquet", index=False)
        summary.to_csv(part / "summary.csv", index=False, float_format="%.6g")
        (part / "protocol.json").write_text(
            json.dumps(
                {**_protocol(task, name, settings, sets, thresholds), "not_judged": not_judged},
                indent=1,
            )
            + "\n"
        )
        for case_set in sets:
            own = summary[summary.set == case_set.name]
            (part / f"{case_set.name}.md").write_text(markdown(own))
            save_figure(_figure(own, task, name, case_set), part / f"{case_set.name}.png")
    return summary, not_judged


def _figure(summary: pd.DataFrame, task: Task, name: str, case_set: CaseSet):
    panels = [(m, *MEASURES[m], _chance(m)) for m in DRAWN]
    title = f"{task.name}, {name}, on {case_set.name}: mean over labels, 95 % intervals"
    return draw_faithfulness(summary[summary.label == MEAN], panels, title=title)


def _chance(measure: str) -> str:
    """Return the measure of the area's share that is chance for one against evidence."""
    name, _, reading = measure.rpartition("_")
    return f"evidence_share_{reading}" if name in ("localisation", "pointing_game") else ""


def _protocol(task: Task, name: str, settings: Settings, sets, thresholds: dict) -> dict:
    return {
        "task": task.name,
        "model": name,
        "settings": asdict(settings),
        "thresholds": thresholds,
        "sets": {
            item.name: {
                "records": len(item.signals),
                "cases": {cases.label: len(cases.rows) for cases in item.cases},
                "left_out": item.left_out,
            }
            for item in sets
        },
    }


def metrics(summary: pd.DataFrame) -> dict[str, float]:
    """Return the means over labels under names that MLflow takes, for comparison across runs.

    Such as ``simulated.localisation_time.gradcam_plus_plus``.

    Raises
    ------
    ParameterError
        If two rows would have one name.
    """
    chosen = summary[(summary.label == MEAN) & summary.measure.isin(LOGGED)]
    found = {}
    for row in chosen.itertuples():
        key = f"{row.set}.{row.measure}.{row.method.replace('++', '_plus_plus')}"
        if key in found:
            raise ParameterError("metrics", f"{key} twice", "one value a name")
        found[key] = float(row.value)
    return found
