"""A system's trained model on all of fold 10, of which the balanced draw of its task takes a part.

    python benchmarks/systems_fold_10.py PTB-XL-FOLDER MODEL.onnx... [--fold-9]

A model is what ``KEEP=FOLDER bash benchmarks/systems_tasks.sh PTB-XL-FOLDER TASK`` keeps; this look
belongs to that opening of fold 10. Every record of fold 10 that takes part in the model's task, as
often as it is there; prints of each label AUROC, sensitivity and specificity at the model's
threshold, which the drawn fold 9 gave, with 95 % intervals (DeLong, Clopper and Pearson). With
--fold-9, of all of fold 9, by which set-ups are compared.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from ecglens.datasets import ptb_xl
from ecglens.errors import run_stage
from ecglens.evaluation.delong import auroc_interval
from ecglens.evaluation.intervals import clopper_pearson
from ecglens.inference import Predictor
from ecglens.labels import Policy, get_task, label_matrix
from ecglens.manifests import with_labels
from ecglens.preparation import prepare
from ecglens.store import Store, open_store

RATE, SECONDS, BATCH = 100, 10.0, 32


def main() -> None:
    fold = 9 if "--fold-9" in sys.argv else 10
    arguments = [argument for argument in sys.argv[1:] if argument != "--fold-9"]
    if len(arguments) < 2:
        sys.exit(__doc__)
    folder = Path(arguments[0])
    manifest = with_labels(ptb_xl.manifest(folder), ptb_xl.VOCABULARY, Policy())
    manifest = manifest[manifest.fold == fold].set_index("record_id", drop=False)
    files = zip(manifest.record_id, manifest.file_100, strict=True)
    with tempfile.TemporaryDirectory() as work:
        signals = Path(work) / "signals"
        prepare(folder, files, signals, sampling_frequency=RATE, seconds=SECONDS)
        store = open_store(signals)
        manifest = manifest.loc[store.record_ids]
        for path in arguments[1:]:
            judge(folders_name(path), Predictor(path, threads=0), manifest, store)


def judge(name: str, predictor: Predictor, manifest, store: Store) -> None:
    card = predictor.card
    labels = manifest.labels.tolist(), manifest.undecided.tolist()
    truth, takes_part = label_matrix(labels[0], get_task(card.task), labels[1])
    rows = np.flatnonzero(takes_part)
    parts = [rows[k : k + BATCH] for k in range(0, len(rows), BATCH)]
    answers = [predictor.run(store.millivolts(part)) for part in parts]
    logit, probability = (np.concatenate([a[x] for a in answers]) for x in ("logit", "probability"))
    print(f"{card.model}, {card.task}, {name}: {len(rows)} records of fold {manifest.fold.iloc[0]}")
    for k, label in enumerate(card.labels):
        has = truth[rows, k] > 0
        called = probability[:, k] >= card.thresholds[k]
        figures = {
            "AUROC": auroc_interval(has, logit[:, k]),
            "sensitivity": share(called[has]),
            "specificity": share(~called[~has]),
        }
        shown = (f"{name} {v:.3f} ({a:.3f} to {b:.3f})" for name, (v, a, b) in figures.items())
        print(f"  {label:<10}{has.sum():>5} records  {'  '.join(shown)}", flush=True)


def folders_name(path: str) -> str:
    """Return what the folder is called in which ``KEEP`` put a model, which may name its seed."""
    return Path(path).resolve().parents[1].name


def share(right: np.ndarray) -> tuple[float, float, float]:
    low, high = clopper_pearson(int(right.sum()), len(right))
    return right.mean(), float(low), float(high)


if __name__ == "__main__":
    sys.exit(run_stage(main))
