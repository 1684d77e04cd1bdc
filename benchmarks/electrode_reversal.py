"""Exchanged limb electrodes on PTB-XL: weights from folds 1-8, the rest chosen with fold 9.

    python benchmarks/electrode_reversal.py PTB-XL-FOLDER [--ludb FOLDER] [--test]

Without --test nothing of fold 10 is read: weights are fitted on folds 1-8, variants of the score
are compared on fold 9, and limits are chosen on folds 1-9 for the rates of false alarms below; each
is printed beside what src/ecglens has, which is then reported on fold 9. With --test the same
report is made of fold 10, and the opening is written down in
benchmarks/results/quality/openings.txt. LUDB stands for data of another house. An exchange is made
on the real record's signals, and measured anew from the start.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from fold_10 import write_opening
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from ecglens.datasets import ptb_xl
from ecglens.formats import wfdb
from ecglens.quality import LIMITS, Flag, Severity, electrodes, flags_of, measures

FALSE_ALARMS, SILENT_FALSE_ALARMS = 0.005, 0.0005  # of each kind, on folds 1-9
PENALTY = 1e-3  # on the squares of the weights
BATCH = 256  # records
DIAGNOSES = (
    "NORM", "CLBBB", "CRBBB", "LAFB", "LPFB", "WPW", "PACE", "IMI", "ASMI", "ALMI", "LMI", "LVH",
    "RVH", "AFIB",
)  # fmt: skip
AXES = (
    "MID",
    "LAD",
    "ALAD",
    "RAD",
    "ARAD",
    "AXL",
    "AXR",
    "SAG",
)  # as PTB-XL's heart_axis names them
# Of the score: which waves of P, QRS, T (0, 1, 2) go into it, and the penalty.
VARIANTS = {
    "P, QRS and T": ((0, 1, 2), PENALTY),
    "P and QRS": ((0, 1), PENALTY),
    "QRS and T": ((1, 2), PENALTY),
    "QRS alone": ((1,), PENALTY),
    "all, ten times the penalty": ((0, 1, 2), 10 * PENALTY),
}


def main() -> None:
    options = arguments()
    folder = options.folder
    manifest = ptb_xl.manifest(folder)
    if options.test:
        write_opening()
        reported = manifest[manifest.fold == 10]
    else:
        choose(folder, manifest[manifest.fold < 10])
        reported = manifest[manifest.fold == 9]
    fold = reported.fold.iloc[0]
    report(folder, reported.file_100, 100, f"PTB-XL fold {fold} at 100 Hz", reported.codes)
    there = [name for name in reported.file_500 if (folder / f"{name}.hea").is_file()]
    report(folder, there, 500, f"PTB-XL fold {fold} at 500 Hz, {len(there)} records")
    if options.ludb:
        names = [f"data/{path.stem}" for path in sorted((options.ludb / "data").glob("*.hea"))]
        report(options.ludb, names, 500, f"LUDB at 500 Hz, {len(names)} records")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="PTB-XL")
    parser.add_argument("--ludb", type=Path)
    parser.add_argument("--test", action="store_true", help="report on fold 10")
    return parser.parse_args()


def choose(folder: Path, manifest: pd.DataFrame) -> None:
    """Fit on folds 1-8, compare variants on fold 9, choose limits on both; print all."""
    found, silence, alarms = measured(folder, manifest.file_100)
    learning = (manifest.fold < 9).to_numpy()
    weights = fit(found[learning])
    print("weights, folds 1-8:\n" + np.array2string(weights.round(2), separator=", "))
    print(f"largest difference from src/ecglens: {abs(weights - electrodes.WEIGHTS).max():.3f}")
    print("variants of the score, fitted on folds 1-8: AUROC on fold 9")
    print(f"  {'':<24}" + "".join(f"{exchange:>11}" for exchange in electrodes.ARRANGEMENTS))
    for name, (waves, penalty) in VARIANTS.items():
        used = found * np.isin(np.arange(6) // 2, waves)
        aurocs = auroc_of(used[~learning], fit(used[learning], penalty))
        print(f"  {name:<24}" + "".join(f"{auroc:>11.4f}" for auroc in aurocs))
    print_limits(electrodes.scores_of(found), silence)
    axes = pd.read_csv(folder / "ptbxl_database.csv", index_col="ecg_id").heart_axis
    with_axis = zip(manifest.codes, axes.loc[manifest.record_id], strict=True)
    named = pd.Series([[*codes, axis] for codes, axis in with_axis])
    print_by_diagnosis(alarms[learning], named[learning])


def put_back(found: np.ndarray) -> np.ndarray:
    """Return the correlations (records, 6, 3, 6) as recorded, and with each exchange undone."""
    rows = [found]
    for exchange in electrodes.ARRANGEMENTS:
        other = np.empty_like(found)
        for lead, (true, sign) in enumerate(electrodes.recorded_as(exchange)):
            other[:, true] = sign * found[:, lead]
        rows.append(other)
    return np.stack(rows, axis=1)


def auroc_of(found: np.ndarray, weights: np.ndarray) -> list[float]:
    """Return the AUROC of each exchange's score: records as they are, and exchanged.

    Correlations follow an exchange exactly, so that nothing has to be measured anew.
    """
    found = found[np.isfinite(found).all(axis=(1, 2))]
    result = []
    for k, exchange in enumerate(electrodes.ARRANGEMENTS):
        exchanged = np.stack(
            [sign * found[:, true] for true, sign in electrodes.recorded_as(exchange)], axis=1
        )
        scores = [electrodes.scores_of(x, weights)[:, k] for x in (found, exchanged)]
        result.append(roc_auc_score(np.repeat([0, 1], len(found)), np.concatenate(scores)))
    return result


def read(folder: Path, names: Iterable[str], what: str) -> Iterator[np.ndarray]:
    """Yield signals (records, samples, 12) in mV, some records at a time."""
    names = list(names)
    with tqdm(total=len(names), desc=what, unit="record") as bar:
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            yield np.stack([wfdb.read(folder / name).signal for name in part])
            bar.update(len(part))


def measured(folder: Path, names: Iterable[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return correlations (records, 3, 6) and silence (records, 3) of leads I, II, III, and alarms.

    An alarm is the exchange that a record's warning names, or "".
    """
    found, silence, alarms = [], [], []
    for signals in read(folder, names, "folds 1-9"):
        beats = electrodes.average_beats(*electrodes.grid(signals, 100))
        found.append(electrodes.correlations(beats))
        silence.append(electrodes.silence(beats))
        alarms += [warned_of(flags) for flags in flags_of(measures(signals, 100))]
    return np.concatenate(found), np.concatenate(silence), np.array(alarms)


def warned_of(flags: list[Flag]) -> str:
    """Return the exchange that a warning names, or ""."""
    named = [f.kind for f in flags if f.severity is Severity.WARNING]
    return next((k.removeprefix("reversal_") for k in named if k.startswith("reversal_")), "")


def fit(found: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """Fit a conditional logit: of a record's six arrangements, the one recorded is right."""
    found = found[np.isfinite(found).all(axis=(1, 2))]
    table = put_back(found).reshape(len(found), 6, -1).astype(float)

    def loss(weights):
        score = table @ weights
        share = np.exp(score - score.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        slope = np.einsum("ra,raw->w", share, table) - table[:, 0].sum(axis=0)
        value = -np.log(share[:, 0]).mean() + penalty / 2 * weights @ weights
        return value, slope / len(table) + penalty * weights

    return minimize(loss, np.zeros(table.shape[2]), jac=True).x.reshape(found.shape[1:])


def print_limits(scores: np.ndarray, silence: np.ndarray) -> None:
    print(f"limits, folds 1-9 ({FALSE_ALARMS:.2%} false alarms), and those of src/ecglens:")
    for exchange, values in zip(electrodes.ARRANGEMENTS, scores.T, strict=True):
        limit = np.nanquantile(values, 1 - FALSE_ALARMS)
        print(f"  {exchange:<12}{limit:7.2f}{LIMITS[f'reversal_{exchange}'].value:7.2f}")
    print(f"share of the largest limb lead ({SILENT_FALSE_ALARMS:.2%} false alarms):")
    for lead, values in zip(electrodes.SILENT, silence.T, strict=True):
        limit = np.nanquantile(values, SILENT_FALSE_ALARMS)
        print(f"  lead {lead:<7}{limit:7.3f}{LIMITS[f'silent_{lead}'].value:7.3f}")


def print_by_diagnosis(alarms: np.ndarray, named: pd.Series) -> None:
    """Print how many records of each diagnosis, or axis, have a warning of exchanged electrodes."""
    print(
        "warnings of exchanged electrodes on records as published, folds 1-8, by SCP code and axis"
    )
    for name in ("", *DIAGNOSES, *AXES):
        among = alarms[[not name or name in names for names in named]]
        kinds = ", ".join(f"{n} {k}" for k, n in Counter(among[among != ""]).most_common())
        share = np.mean(among != "")
        print(f"  {name or 'all':<8}{share:7.2%} of {len(among):<6} {kinds}")


def report(
    folder: Path, names: Iterable[str], rate: float, title: str, codes: pd.Series | None = None
) -> None:
    """Print AUROC, sensitivity and false alarms of each exchange, made on every record."""
    everything = {**electrodes.ARRANGEMENTS, **electrodes.RIGHT_LEG}
    rows = {exchange: [] for exchange in ("", *everything)}
    for signals in read(folder, names, title):
        for exchange, found in rows.items():
            made = electrodes.rearranged(signals, exchange) if exchange else signals
            found.append(measures(made, rate))
    rows = {exchange: np.concatenate(found) for exchange, found in rows.items()}
    kinds = {exchange: [limb_kinds(f) for f in flags_of(v)] for exchange, v in rows.items()}

    print(f"\n{title}\n{'':<14}{'AUROC':>8}{'found':>8}{'named':>8}{'false alarms':>14}")
    for exchange in everything:
        field = field_of(exchange)
        values = [np.nan_to_num(rows[e][field]) for e in ("", exchange)]
        if field.startswith("silent_"):
            values = [-v for v in values]
        auroc = roc_auc_score(np.repeat([0, 1], len(rows[""])), np.concatenate(values))
        found = np.mean([bool(k) for k in kinds[exchange]])
        named = np.mean([field in k for k in kinds[exchange]])
        alarms = np.mean([field in k for k in kinds[""]])
        print(f"{exchange:<14}{auroc:>8.4f}{found:>8.1%}{named:>8.1%}{alarms:>14.2%}")
    print(
        f"records as published with any of these flags: {np.mean([bool(k) for k in kinds['']]):.2%}"
    )
    if codes is not None:
        print_confounders([bool(k) for k in kinds[""]], codes)


def limb_kinds(flags: list) -> list[str]:
    return [f.kind for f in flags if f.kind.startswith(("reversal_", "silent_"))]


def field_of(exchange: str) -> str:
    """Return the measure that should find an exchange."""
    silent = {meaning: lead for lead, meaning in electrodes.SILENT.items()}
    return f"silent_{silent[exchange]}" if exchange in silent else f"reversal_{exchange}"


def print_confounders(alarmed: list[bool], codes: pd.Series) -> None:
    """Print the SCP codes that are most over-represented among the false alarms."""
    alarmed = np.array(alarmed)
    all_codes = Counter(code for row in codes for code in row)
    among = Counter(code for row in codes[alarmed] for code in row)
    rates = {c: among[c] / n for c, n in all_codes.items() if n >= 10 and among[c] >= 2}
    worst = sorted(rates, key=rates.get, reverse=True)[:10]
    shown = ", ".join(f"{c} {rates[c]:.0%} of {all_codes[c]}" for c in worst)
    print(f"codes most often with a false alarm: {shown}")


main()
