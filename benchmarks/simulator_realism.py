"""Judge the simulator's realism: train on simulated records, test on PTB-XL, AUROC per label.

    python benchmarks/simulator_realism.py PTB-XL-FOLDER [RECORDS] [starter|all] [EPOCHS]

The folder is PTB-XL as published, at 100 Hz. No record of it is trained on. The simulator's tables
were set by what folds 1 to 8 look like; folds 9 and 10 were not looked at. A record counts as
carrying a code whatever the code's likelihood, and as not carrying it wherever it is not stated.
"""

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from ecglens.datasets import ptb_xl
from ecglens.datasets.simulated import simulated_records
from ecglens.formats import wfdb
from ecglens.models import build_model
from ecglens.params import TrainParams
from ecglens.record import from_microvolts
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.training import fit, make_reproducible

SEED, RATE, BATCH = 1, 100, 512
FEWEST = 5  # positives below which an AUROC says nothing
GROUPS = {"simulated 9-10": (9, 10), "PTB-XL 1-8": range(1, 9), "PTB-XL 9-10": (9, 10)}


def simulate(records: int, labels: str) -> tuple[np.ndarray, list[set[str]], np.ndarray]:
    """Return int16 microvolts (records, 1000, 12), codes and folds."""
    counts, codes, folds = np.empty((records, 10 * RATE, 12), np.int16), [], []
    made = simulated_records(records, SEED, labels)
    for place, record in enumerate(tqdm(made, "simulate", total=records, unit="record")):
        counts[place] = record.at_rate(RATE)
        codes.append(set(record.case.codes) - {"SR"})
        folds.append(record.case.patient.fold)
    return counts, codes, np.array(folds)


def truth_of(codes: list[set[str]], names: list[str]) -> np.ndarray:
    return np.array([[name in carried for name in names] for carried in codes], np.float32)


def train(counts: np.ndarray, truth: np.ndarray, folds: np.ndarray, epochs: int) -> keras.Model:
    """Return Signal-CAM's logits after a fit on folds 1 to 8, stopped by the others."""
    store = Store(Path(), counts, np.arange(len(counts)), RATE, "")
    parts = [
        Split(name, rows, rows, truth[rows])
        for name, rows in (
            ("train", np.flatnonzero(folds <= 8)),
            ("validation", np.flatnonzero(folds > 8)),
        )
    ]
    make_reproducible(SEED)
    options = {"detrend_degree": 10, "scaling": "none"}
    model = build_model("signal_cam", samples=10 * RATE, labels=truth.shape[1], **options)
    params = TrainParams(
        epochs=epochs, batch_size=64, learning_rate=0.005, schedule="cosine", patience=epochs,
        seed=SEED,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        fit(model, store, *parts, params, work=Path(folder))
    return keras.Model(model.input, model.output["logit"])


def logits_of_files(model: keras.Model, folder: Path, files: pd.Series) -> np.ndarray:
    parts = []
    for start in tqdm(range(0, len(files), BATCH), "PTB-XL", unit="batch"):
        signals = [wfdb.read(folder / name).signal for name in files[start : start + BATCH]]
        parts.append(model.predict_on_batch(np.stack(signals)))
    return np.concatenate(parts)


def auroc(truth: np.ndarray, logit: np.ndarray) -> float:
    positives = int(truth.sum())
    if min(positives, len(truth) - positives) < FEWEST:
        return np.nan
    return roc_auc_score(truth, logit)


def main() -> None:
    source = Path(sys.argv[1])
    records = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    labels = sys.argv[3] if len(sys.argv) > 3 else "all"
    epochs = int(sys.argv[4]) if len(sys.argv) > 4 else 16
    counts, codes, folds = simulate(records, labels)
    names = sorted(set().union(*codes))
    truth = truth_of(codes, names)
    model = train(counts, truth, folds, epochs)

    table = ptb_xl.manifest(source)
    real = truth_of([set(c) for c in table.codes], names)
    own = model.predict(from_microvolts(counts[folds > 8]), batch_size=BATCH, verbose=0)
    measured = dict.fromkeys(GROUPS, (real, logits_of_files(model, source, table.file_100)))
    measured["simulated 9-10"] = (truth[folds > 8], own)
    rows = {name: {} for name in names}
    for group, (true, logit) in measured.items():
        used = np.ones(len(true), bool)
        if len(true) == len(table):
            used = table.fold.isin(GROUPS[group]).to_numpy()
        for place, name in enumerate(names):
            rows[name][f"{group}: n"] = int(true[used, place].sum())
            rows[name][f"{group}: AUROC"] = auroc(true[used, place], logit[used, place])
    result = pd.DataFrame.from_dict(rows, orient="index")
    print(f"{records} simulated records ({labels}), {len(table)} of PTB-XL")
    print(result.to_string(float_format="{:.3f}".format, na_rep="-"))
    scores = result.filter(like="AUROC")
    print("macro over labels that all three have:", scores.dropna().mean().round(3).to_dict())
    print("median:", scores.dropna().median().round(3).to_dict())


main()
