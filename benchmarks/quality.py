"""Flags of signal quality on PTB-XL: AUROC, sensitivity, false alarms, and seconds.

    python benchmarks/quality.py PTB-XL-FOLDER

Truth is, first, what PTB-XL's annotators wrote beside a record, and second, faults that are put
into one lead of clean records of fold 10. Clean is a record beside which nothing is written. The
limits for given rates of false alarms are chosen on the clean records of folds 1-9 and printed
beside those of src/ecglens; fold 10 is reported with those of src/ecglens. Where fold 10 has fewer
than 20 records of a kind, those of all folds are reported, against the clean ones of fold 10.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from ecglens.datasets import ptb_xl
from ecglens.formats import wfdb
from ecglens.quality import LIMITS, flags_of, measures

# Column of ptbxl_database.csv: the flag that should find it, and its rate of false alarms.
ANNOTATED = {
    "baseline_drift": ("wander", 0.05),
    "static_noise": ("noise", 0.05),
    "burst_noise": ("burst", 0.05),
    "electrodes_problems": ("contact", 0.01),
}
BATCH = 512  # records


def main() -> None:
    folder = Path(sys.argv[1])
    manifest = ptb_xl.manifest(folder)
    table = pd.read_csv(folder / ptb_xl.DATABASE).set_index("ecg_id").loc[manifest.record_id]
    truth = table[list(ANNOTATED)].notna()
    clean, fold = ~truth.any(axis=1).to_numpy(), manifest.fold.to_numpy()
    measured, seconds = measure_all(folder, manifest.file_100)
    print(f"{len(measured)} records of 10 s at 100 Hz: {seconds:.1f} s of one core")

    print(f"\n{'written beside it':<21}{'flag':<11}{'records':>8}{'AUROC':>7}{'each annotator':>18}"
          f"{'found':>8}{'false alarms':>14}{'limit':>8}{'(1-9)':>7}")  # fmt: skip
    for column, (kind, rate) in ANNOTATED.items():
        present = truth[column].to_numpy()
        annotated(column, kind, rate, measured, present, clean, fold, table.nurse.to_numpy())
    low_voltage(measured, manifest, fold)
    false_alarms(measured[clean & (fold == 10)])
    for rate in (100, 500):
        names = manifest[f"file_{rate}"][clean & (fold == 10)]
        names = [name for name in names if (folder / f"{name}.hea").is_file()][:500]
        simulated(np.stack([wfdb.read(folder / name).signal for name in names]), rate)


def measure_all(folder: Path, names: pd.Series) -> tuple[np.ndarray, float]:
    """Return all measures, and the processor's seconds without the reading."""
    found, seconds = [], 0.0
    for start in tqdm(range(0, len(names), BATCH), "PTB-XL", unit="batch"):
        part = names.iloc[start : start + BATCH]
        signals = np.stack([wfdb.read(folder / name).signal for name in part])
        begin = time.process_time()
        found.append(measures(signals, 100))
        seconds += time.process_time() - begin
    return np.concatenate(found), seconds


def worst(measured: np.ndarray, kind: str) -> np.ndarray:
    """Return the record's value for a flag, its worst lead's, so that more is worse."""
    limit = LIMITS[kind]
    values = measured[limit.measure].astype(float)
    values = np.nan_to_num(-values if limit.below else values, nan=-np.inf)
    return values if values.ndim == 1 else values.max(axis=1)


def annotated(column, kind, rate, measured, present, clean, fold, annotator) -> None:
    """Print a line: how well a flag finds what was written, on fold 10."""
    value = worst(measured, kind)
    sign = -1 if LIMITS[kind].below else 1
    chosen = sign * np.quantile(value[clean & (fold < 10)], 1 - rate)
    limit = LIMITS[kind].value
    test = (fold == 10) | (present & (present[fold == 10].sum() < 20))
    own = []  # one annotator's limit is not another's: AUROC in all folds among one's records
    for name in np.unique(annotator[present & ~np.isnan(annotator)]):
        mine = (annotator == name) & (present | clean)
        if present[mine].sum() >= 20:
            own.append(roc_auc_score(present[mine], value[mine]))
    spread = f"{np.median(own):.3f} ({min(own):.2f}-{max(own):.2f})" if own else ""
    used = test & (present | clean)
    print(f"{column:<21}{kind:<11}{(present & test).sum():>8}"
          f"{roc_auc_score(present[used], value[used]):>7.3f}{spread:>18}"
          f"{(value[present & test] > sign * limit).mean():>8.1%}"
          f"{(value[clean & test] > sign * limit).mean():>14.2%}{limit:>8.3f}{chosen:>7.3f}"
    )  # fmt: skip


def low_voltage(measured: np.ndarray, manifest: pd.DataFrame, fold: np.ndarray) -> None:
    present = np.array(["LVOLT" in codes for codes in manifest.codes])
    value, test = worst(measured, "low_limb"), fold == 10
    flagged = value >= -LIMITS["low_limb"].value
    print(f"{'code LVOLT':<21}{'low_limb':<11}{(present & test).sum():>8}"
          f"{roc_auc_score(present[test], value[test]):>7.3f}{'':>18}"
          f"{flagged[present & test].mean():>8.1%}{flagged[~present & test].mean():>14.2%}"
          f"{LIMITS['low_limb'].value:>8.3f}"
    )  # fmt: skip


def false_alarms(measured: np.ndarray) -> None:
    kinds = [{flag.kind for flag in flags} for flags in flags_of(measured)]
    print(f"\nclean records of fold 10 ({len(kinds)}) with a flag: ", end="")
    rates = {kind: np.mean([kind in k for k in kinds]) for kind in LIMITS}
    print(", ".join(f"{kind} {rate:.2%}" for kind, rate in rates.items() if rate))
    print(f"with any: {np.mean([bool(k) for k in kinds]):.1%}")


def simulated(signals: np.ndarray, rate: float) -> None:
    """Print a line for each fault that is put into one lead of each record."""
    rng = np.random.default_rng(1)
    before = measures(signals, rate)
    none = flags_of(before)
    print(f"\n{len(signals)} clean records of fold 10 at {rate} Hz, each with a fault")
    print(f"{'fault':<46}{'flag':<14}{'AUROC':>7}{'found':>8}{'false alarms':>14}")
    for fault, kind, change in faults(rate, rng):
        broken = signals.copy()
        for signal in broken:
            change(signal, rng.integers(12))
        after = measures(broken, rate)
        value = np.concatenate([worst(before, kind), worst(after, kind)])
        value = np.nan_to_num(value, neginf=-1e9)
        auroc = roc_auc_score(np.repeat([0, 1], len(signals)), value)
        found, alarms = (
            np.mean([any(f.kind == kind for f in flags) for flags in rows])
            for rows in (flags_of(after), none)
        )
        print(f"{fault:<46}{kind:<14}{auroc:>7.3f}{found:>8.1%}{alarms:>14.2%}")


def faults(rate: float, rng: np.random.Generator):
    """Return (what, the flag that should find it, a function that does it to a signal's lead)."""

    def seconds(signal):
        return np.arange(len(signal)) / rate

    def part(signal, length):
        start = rng.integers(len(signal) - round(length * rate))
        return slice(start, start + round(length * rate))

    def missing(signal, lead):
        signal[part(signal, 0.5), lead] = np.nan

    def flat(signal, lead):
        signal[:, lead] = 0

    def off(signal, lead):
        drift = rng.normal(0, 0.02, len(signal)).cumsum() * (100 / rate) ** 0.5
        signal[:, lead] = drift + rng.normal(0, 0.02, len(signal))

    def held(signal, lead):
        where = part(signal, 1.5)
        signal[where, lead] = signal[where.start, lead]

    def clipped(signal, lead):
        low, high = np.quantile(signal[:, lead], [0.005, 0.985])
        signal[:, lead] = signal[:, lead].clip(low, high)

    def wander(signal, lead):
        signal[:, lead] += np.sin(2 * np.pi * (0.3 * seconds(signal) + rng.random()))

    def noise(signal, lead):
        signal[:, lead] += rng.normal(0, 0.05 * (rate / 100) ** 0.5, len(signal))

    def burst(signal, lead):
        where = part(signal, 1.5)
        signal[where, lead] += rng.normal(0, 0.05 * (rate / 100) ** 0.5, where.stop - where.start)

    def hum(line):
        def change(signal, lead):
            phase = line * seconds(signal) + rng.random()
            signal[:, lead] += 0.05 * np.sin(2 * np.pi * phase)

        return change

    def times(factor):
        def change(signal, lead):
            signal *= factor

        return change

    def inverted(signal, lead):
        signal[:, 3] *= -1

    def interchanged(signal, lead):
        signal[:, 4:6] = signal[:, 5:3:-1]

    table = [
        ("0.5 s missing", "missing", missing),
        ("flat", "flat", flat),
        ("off: drift and noise in place of the heart", "lead_off", off),
        ("held for 1.5 s", "held", held),
        ("cut off above the 98.5th percentile", "clipped", clipped),
        ("wander of ±1 mV at 0.3 Hz", "wander", wander),
        ("white noise of 0.05 mV below 50 Hz", "noise", noise),
        ("the same for 1.5 s", "burst", burst),
        ("all ten times too large", "too_large", times(10)),
        ("all ten times too small", "too_small", times(0.1)),
        ("all a thousand times too large", "out_of_range", times(1000)),
        ("aVR inverted", "identity_aVR", inverted),
        ("aVL and aVF interchanged", "identity_aVL", interchanged),
    ]
    lines = [
        (f"hum of 0.05 mV at {line} Hz", f"mains_{line}", hum(line))
        for line in (50, 60)
        if rate > 2.4 * line
    ]
    return table + lines


main()
