"""Flags of signal quality on PTB-XL: limits chosen on folds 1-9, and fold 10 only when asked for.

    python benchmarks/quality.py PTB-XL-FOLDER [--test]

Truth is, first, what PTB-XL's annotators wrote beside a record, and second, faults that are put
into one lead of clean records. Clean is a record beside which nothing is written.

Without --test nothing of fold 10 is read. The limits that RATES ask for are chosen on the clean
records of folds 1-9 and printed beside those of src/ecglens/quality/flags.py; so are variants of
the formula behind "contact", and what the flags do on fold 9. With --test the same report is made
of fold 10, with the limits as they are in src/ecglens, and the opening is written down in
benchmarks/results/quality/openings.txt.
"""

import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from fold_10 import write_opening
from quality_faults import faults
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from ecglens.datasets import ptb_xl
from ecglens.formats import wfdb
from ecglens.quality import LIMITS, Severity, electrodes, flags_of, measures

# Column of ptbxl_database.csv, and the flag that should find it.
ANNOTATED = {
    "baseline_drift": "wander",
    "static_noise": "noise",
    "burst_noise": "burst",
    "electrodes_problems": "contact",
}
# Of clean records the share that may have a flag (or, where it is a note, a note; and a warning).
RATES = {
    "wander": (0.05, 0.005),
    "noise": (0.05, 0.005),
    "burst": (0.05, 0.005),
    "contact": (0.01, 0.005),
    "lead_off": (0.002, None),
    "mains_50": (0.002, None),  # at 500 Hz
}
LEAST = 0.001  # the share that the limits with a meaning of their own may reach
BATCH = 512  # records


def main() -> None:
    folder, test = Path(sys.argv[1]), "--test" in sys.argv[2:]
    manifest = ptb_xl.manifest(folder)
    if not test:
        manifest = manifest[manifest.fold < 10]
    table = pd.read_csv(folder / ptb_xl.DATABASE).set_index("ecg_id").loc[manifest.record_id]
    truth = table[list(ANNOTATED)].notna().reset_index(drop=True)
    truth["clean"], fold = ~truth.any(axis=1), manifest.fold.to_numpy()
    wanted = fold == 10 if test else fold < 10
    measured, seconds = measure_all(folder, manifest.file_100[wanted])
    print(f"{len(measured)} records of 10 s at 100 Hz: {seconds:.1f} s of one core")
    truth, table, manifest, fold = truth[wanted], table[wanted], manifest[wanted], fold[wanted]
    if test:
        write_opening()
    else:
        choose(measured[truth.clean], folder, manifest[truth.clean.to_numpy()])
        contact_variants(folder, manifest, truth)
    reported = fold == (10 if test else 9)
    report(measured, truth, table, manifest, reported, folder)


def measure_all(folder: Path, names: pd.Series, rate: float = 100) -> tuple[np.ndarray, float]:
    """Return all measures, and the processor's seconds without the reading."""
    found, seconds = [], 0.0
    for start in tqdm(range(0, len(names), BATCH), "PTB-XL", unit="batch"):
        part = names.iloc[start : start + BATCH]
        signals = np.stack([wfdb.read(folder / name).signal for name in part])
        begin = time.process_time()
        found.append(measures(signals, rate))
        seconds += time.process_time() - begin
    return np.concatenate(found), seconds


def worst(measured: np.ndarray, kind: str) -> np.ndarray:
    """Return the record's value for a flag, its worst lead's, so that more is worse."""
    limit = LIMITS[kind]
    values = measured[limit.measure].astype(float)
    values = np.nan_to_num(-values if limit.below else values, nan=-1e9, neginf=-1e9)
    return values if values.ndim == 1 else values.max(axis=1)


def choose(clean: np.ndarray, folder: Path, manifest: pd.DataFrame) -> None:
    """Print the limits that RATES ask for on clean records, and those of src/ecglens."""
    at_500 = manifest.file_500[[(folder / f"{n}.hea").is_file() for n in manifest.file_500]]
    clean_500, _ = measure_all(folder, at_500, 500)
    print(
        f"\nlimits, from {len(clean)} clean records of folds 1-9 (mains: {len(at_500)} at 500 Hz)"
    )
    print(f"{'flag':<11}{'share':>7}{'limit':>9}{'src/ecglens':>13}")
    for kind, rates in RATES.items():
        limit = LIMITS[kind]
        values = worst(clean_500 if kind.startswith("mains") else clean, kind)
        for rate, present in zip(rates, (limit.value, limit.warning), strict=True):
            if rate is not None:
                chosen = (-1 if limit.below else 1) * np.quantile(values, 1 - rate)
                print(f"{kind:<11}{rate:>7.1%}{chosen:>9.4f}{present:>13}")
    others = ("reversal", "silent", "low_limb", "low_chest")
    meant = [kind for kind in LIMITS if kind not in RATES and not kind.startswith(others)]
    alarms = {kind: share(clean_500 if "mains" in kind else clean, kind) for kind in meant}
    beyond = {kind: rate for kind, rate in alarms.items() if rate > LEAST}
    print(f"limits with a meaning of their own, {len(meant)}: at most "
          f"{max(alarms.values()):.2%} of clean records; beyond {LEAST:.1%}: {beyond or 'none'}"
    )  # fmt: skip


def share(measured: np.ndarray, kind: str) -> float:
    broken = LIMITS[kind].broken(measured[LIMITS[kind].measure])
    return float(np.mean(broken.any(axis=1) if broken.ndim == 2 else broken))


def contact_variants(folder: Path, manifest: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Print how well the formula of "contact" does with other constants, on folds 1-9.

    On all records with electrodes' problems, and every tenth clean one.
    """
    present = truth.electrodes_problems.to_numpy()
    used = present | (truth.clean.to_numpy() & (np.arange(len(truth)) % 10 == 0))
    print(f"\ncontact, {present.sum()} records with electrodes_problems of folds 1-9: AUROC")
    for least in (0.0, 0.1, 0.3, 1.0):
        row = []
        for quiet in (0.0, 0.01, 0.02):
            with patch.multiple(electrodes, _LEAST=least, _QUIET=quiet):
                measured, _ = measure_all(folder, manifest.file_100[used])
            row.append(roc_auc_score(present[used], worst(measured, "contact")))
        shown = ", ".join(f"{a:.3f}" for a in row)
        print(f"  least repeating power {least:.1f}, quiet 0, 0.01, 0.02 mV: {shown}")


def report(measured, truth, table, manifest, reported, folder) -> None:
    """Print what the flags of src/ecglens do on the reported fold."""
    fold = manifest.fold[reported].iloc[0]
    print(f"\nfold {fold}\n{'written beside it':<21}{'flag':<11}{'records':>8}{'AUROC':>7}"
          f"{'each annotator':>18}{'noted':>8}{'warned':>8}{'clean: noted':>14}{'warned':>8}"
    )  # fmt: skip
    for column, kind in ANNOTATED.items():
        # Where the fold has fewer than 20 of a kind, those of all folds that were read are taken.
        present, clean = truth[column].to_numpy(), truth.clean.to_numpy() & reported
        if (present & reported).sum() >= 20:
            present = present & reported
        annotated(column, kind, measured, present, clean, table.nurse.to_numpy())
    low_voltage(measured[reported], manifest.codes[reported])
    false_alarms(measured[truth.clean.to_numpy() & reported])
    for rate in (100, 500):
        names = manifest[f"file_{rate}"][truth.clean.to_numpy() & reported]
        names = [name for name in names if (folder / f"{name}.hea").is_file()][:500]
        simulated(np.stack([wfdb.read(folder / name).signal for name in names]), rate)


def annotated(column, kind, measured, present, clean, annotator) -> None:
    """Print a line: how well a flag finds what was written."""
    value, used = worst(measured, kind), present | clean
    own = []  # one annotator's limit is not another's: AUROC among one's records
    for name in np.unique(annotator[present & ~np.isnan(annotator)]):
        mine = (annotator == name) & used
        if present[mine].sum() >= 20 and not present[mine].all():
            own.append(roc_auc_score(present[mine], value[mine]))
    spread = f"{np.median(own):.3f} ({min(own):.2f}-{max(own):.2f})" if own else ""
    limit, sign = LIMITS[kind], -1 if LIMITS[kind].below else 1
    shares = [
        (value[which] > sign * bound).mean()
        for which in (present, clean)
        for bound in (limit.value, limit.warning)
    ]
    print(f"{column:<21}{kind:<11}{present.sum():>8}"
          f"{roc_auc_score(present[used], value[used]):>7.3f}{spread:>18}"
          f"{shares[0]:>8.1%}{shares[1]:>8.1%}{shares[2]:>14.2%}{shares[3]:>8.2%}"
    )  # fmt: skip


def low_voltage(measured: np.ndarray, codes: pd.Series) -> None:
    present = np.array(["LVOLT" in row for row in codes])
    value = worst(measured, "low_limb")
    flagged = value >= -LIMITS["low_limb"].value
    print(f"{'code LVOLT':<21}{'low_limb':<11}{present.sum():>8}"
          f"{roc_auc_score(present, value):>7.3f}{'':>18}"
          f"{flagged[present].mean():>8.1%}{'':>8}{flagged[~present].mean():>14.2%}"
    )  # fmt: skip


def false_alarms(measured: np.ndarray) -> None:
    flags = flags_of(measured)
    for what, severe in (("note or more", list(Severity)), ("warning or more", list(Severity)[1:])):
        kinds = [{f.kind for f in row if f.severity in severe} for row in flags]
        rates = {kind: np.mean([kind in k for k in kinds]) for kind in LIMITS}
        shown = ", ".join(f"{kind} {rate:.2%}" for kind, rate in rates.items() if rate)
        total = np.mean([bool(k) for k in kinds])
        print(f"\nclean records ({len(kinds)}) with a {what}: {total:.1%}")
        print(f"  {shown}")


def with_flag(rows: list[list], kind: str) -> tuple[float, float]:
    """Return the share of records with a flag of a kind, and with one that is more than a note."""
    severities = [[f.severity for f in flags if f.kind == kind] for flags in rows]
    severe = [any(s is not Severity.NOTE for s in found) for found in severities]
    return float(np.mean([bool(found) for found in severities])), float(np.mean(severe))


def simulated(signals: np.ndarray, rate: float) -> None:
    """Print a line for each fault that is put into one lead of each record."""
    rng = np.random.default_rng(1)
    before = measures(signals, rate)
    none = flags_of(before)
    print(f"\n{len(signals)} clean records at {rate} Hz, each with a fault")
    print(f"{'fault':<46}{'flag':<14}{'AUROC':>7}{'found':>8}{'warned':>8}{'false alarms':>14}")
    for fault, kind, change in faults(rate, rng):
        broken = signals.copy()
        for signal in broken:
            change(signal, rng.integers(12))
        after = measures(broken, rate)
        value = np.concatenate([worst(before, kind), worst(after, kind)])
        auroc = roc_auc_score(np.repeat([0, 1], len(signals)), value)
        found, warned = with_flag(flags_of(after), kind)
        alarms, _ = with_flag(none, kind)
        print(f"{fault:<46}{kind:<14}{auroc:>7.3f}{found:>8.1%}{warned:>8.1%}{alarms:>14.2%}")


main()
