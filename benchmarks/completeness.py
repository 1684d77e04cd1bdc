"""Largest |bias + sum of attribution - logit| of every additive model, on real records.

    python benchmarks/completeness.py PTB-XL-FOLDER [MODEL...]

Of each additive model of the table (or those named), with its options in params.yaml and the five
superclasses as labels, in Keras and from its ONNX export, over 2,000 records of folds 1-9, drawn
with seed 0 and prepared at 100 Hz as the pipeline prepares them. The models are trained too briefly
to be of use, one epoch of 640 other records in batches of 8: their weights are not the initial
ones, and no more is claimed of them.

    error          the largest, over records and labels, in logit units
    terms          the largest sum of |attribution| of any logit
    of terms       the largest error as a part of its own logit's terms; the mark is 1e-4 at most
    of logit       the largest of |error| / max(1, |logit|), each logit by itself
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from ecglens.cluster import Workers
from ecglens.datasets import ptb_xl
from ecglens.errors import run_stage
from ecglens.export import additivity_errors, export, logit_scale, make_card
from ecglens.inference import Predictor
from ecglens.labels import Policy, carries, get_task
from ecglens.manifests import with_labels
from ecglens.models import MODELS, build_model
from ecglens.params import Params, load_params
from ecglens.preparation import prepare
from ecglens.splits import load_split
from ecglens.store import Store, open_store
from ecglens.tracking import RunInfo
from ecglens.training import Training, run_training

TASK = get_task("superclass")
COUNTS = {"measured": 2000, "train": 640, "validation": 200}
BATCH, PARITY, SEED = 50, 100, 0  # records at a time, those of the export's own check
MARK = 1e-4
COLUMNS = ("error", "terms", "of terms", "of logit")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, names = Path(sys.argv[1]), sys.argv[2:] or [n for n, m in MODELS.items() if m.additive]
    params = load_params(Path(__file__).parents[1] / "params.yaml")
    manifest = drawn(folder)
    print(manifest.split.value_counts().to_string())
    print(f"{'':<22}{'':<8}" + "".join(f"{name:>12}" for name in COLUMNS))
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        manifest.to_parquet(work / "manifest.parquet")
        files = zip(manifest.record_id, manifest.file_100, strict=True)
        options = {"sampling_frequency": 100, "seconds": params.prepare.seconds}
        prepare(folder, files, work / "signals", **options, workers=Workers(1))
        store = open_store(work / "signals")
        measured = set(manifest.record_id[manifest.split == "measured"])
        rows = np.flatnonzero([record_id in measured for record_id in store.record_ids])
        for name in names:
            model = trained(name, store, params, work)
            outputs = {"keras": model.predict_on_batch, "onnx": exported(model, name, store, rows)}
            for source, run in outputs.items():
                report(name, source, largest(run, store, rows))


def drawn(folder: Path) -> pd.DataFrame:
    """Return the records to measure on and, apart from them, those to train on."""
    manifest = with_labels(ptb_xl.manifest(folder), ptb_xl.VOCABULARY, Policy())
    manifest = manifest[manifest.fold < 10].sample(frac=1, random_state=SEED)
    measured, rest = manifest[: COUNTS["measured"]], manifest[COUNTS["measured"] :]
    # A task takes records that carry one of its labels at least.
    rest = rest[carries(rest.labels.tolist(), TASK.labels).any(axis=1)]
    learning = [rest[rest.split == s][: COUNTS[s]] for s in ("train", "validation")]
    return pd.concat([measured.assign(split="measured"), *learning])


def trained(name: str, store: Store, params: Params, work: Path) -> keras.Model:
    manifest, options = work / "manifest.parquet", asdict(getattr(params.model, name))
    options["sampling_frequency"] = store.sampling_frequency
    train, validation = (load_split(manifest, store, TASK, s) for s in ("train", "validation"))
    fit = replace(params.train, epochs=1, batch_size=8)
    build = partial(build_model, name, **options)
    return run_training(
        Training(build, store, train, validation, fit, None, work / "training")
    ).model


def exported(model: keras.Model, name: str, store: Store, rows: np.ndarray) -> Callable:
    """Return the exported file's run, after the export's own check on some of the records."""
    thresholds = dict.fromkeys(TASK.labels, 0.5)
    run = RunInfo("none", "none", "none", {}, "none", store.sha256, "none")
    card = make_card(TASK, name, "ptb-xl", thresholds, store, run)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(model, card, store.millivolts(rows[:PARITY]), path)
        return Predictor(path).run


def largest(run: Callable, store: Store, rows: np.ndarray) -> np.ndarray:
    """Return the columns of the table, each the largest over records and labels."""
    found = []
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        outputs = {key: np.asarray(value) for key, value in run(store.millivolts(part)).items()}
        errors, terms = additivity_errors(outputs), logit_scale(outputs)
        own = errors / np.maximum(1, np.abs(outputs["logit"]))
        found.append([part.max() for part in (errors, terms, errors / terms, own)])
    return np.max(found, axis=0)  # NaN where one of them is


def report(name: str, source: str, values: np.ndarray) -> None:
    verdict = "" if values[2] <= MARK else f"  beyond the mark of {MARK:g}"
    shown = "".join(f"{value:>12.2g}" for value in values)
    print(f"{name:<22}{source:<8}{shown}{verdict}", flush=True)


run_stage(main)
