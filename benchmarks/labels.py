"""Labels of as many records as MIMIC-IV-ECG has against a row-by-row apply, on the same rows.

    python benchmarks/labels.py [ROWS [FILLED]]

ROWS (800,000) records of 18 columns of statements, of which FILLED (18) hold one in each row; in
MIMIC-IV-ECG about five do. Ours finds all labels of labels.yaml, from the lists that a manifest
has, and from the table, of text as pandas reads it today or of Python objects as it used to, with
the making of those lists. The other, as ECG-XPLAIM did, joins the text of a row of the table and
looks for substrings of 25 labels, in DataFrame.apply; it is timed on a part of the rows of either
kind of table, drawn anew each round, and scaled to all. All in one run; prints medians of the
rounds with their range, of processor time, ratios, and in how many records the two disagree.
"""

import itertools
import resource
import sys
import time

import numpy as np
import pandas as pd

from ecglens.datasets.tables import texts_of_rows
from ecglens.labels import Policy, carries, label_records
from ecglens.vocabulary import tables

COLUMNS = [f"report_{k}" for k in range(18)]
LABELS = [name for name, label in tables().labels.items() if "ecg_xplaim" in label.groups]
ROUNDS, PART = 3, 20_000
# fmt: off
KEYWORDS = {  # substrings, as ECG-XPLAIM looks for them
    "afib": ["afib", "atrial fib"], "aflu": ["flut"], "afifl": ["afib", "atrial fib", "flut"],
    "rbbb": ["rbbb", "right b"], "lbbb": ["lbbb", "left b"], "lafb": ["lafb", "left ant"],
    "lpfb": ["lpfb", "left post"], "pvc": ["pvc", "premature ventr", "ventricular premat"],
    "pac": ["pac", "premature atr", "atrial premat", "supraventricular extr"],
    "ami": ["anterior st e", "anterior inf", "anteroseptal inf", "anterolateral inf"],
    "imi": ["inferior st e", "inferior inf", "inferolateral inf"],
    "smi": ["septal st e", "septal inf"], "lmi": ["lateral st e", "lateral inf"],
    "avb1": ["st deg", "longed PR"], "avb2i": ["mobitz i ", "wenck"], "avb2ii": ["mobitz ii"],
    "avb2": ["nd deg"], "avb3": ["rd deg", "complete a-", "complete av"], "bradsr": ["sinus brad"],
    "svt": ["supraventricular tach"], "vt": [" ventricular tach"], "tachsr": ["sinus tach"],
    "lqt": ["long qt", "longed qt"], "wpw": ["wpw", "wolf"], "pace": ["paci", "pace"],
}
# fmt: on


def statements() -> list[str]:
    """Return 3,000 different statements, made as electrocardiographs make theirs."""
    rhythms = ["Sinus rhythm", "Sinus bradycardia", "Sinus tachycardia", "Atrial fibrillation",
               "Atrial flutter", "Supraventricular tachycardia", "Ventricular tachycardia",
               "Ectopic atrial rhythm", "Junctional rhythm", "Ventricular pacing"]  # fmt: skip
    modifiers = ["", "with 1st degree A-V block", "with borderline 1st degree A-V block",
                 "with PAC(s)", "with PVC(s)", "with rapid ventricular response",
                 "with sinus arrhythmia", "with occasional PVCs", "with frequent PACs",
                 "with 2nd degree A-V block, Mobitz I"]  # fmt: skip
    blocks = ["Right bundle branch block", "Left bundle branch block", "Incomplete RBBB",
              "Left anterior fascicular block", "Left posterior fascicular block",
              "Prolonged QT interval", "WPW pattern", "Prolonged PR interval",
              "Left ventricular hypertrophy", "Left axis deviation"]  # fmt: skip
    places = ["Anterior", "Inferior", "Lateral", "Septal", "Anteroseptal", "Anterolateral",
              "Inferolateral", "Widespread", "Ant/septal and lateral",
              "Inferior/lateral"]  # fmt: skip
    findings = [
        "infarct - age undetermined",
        "infarct, old",
        "ST elevation, CONSIDER ACUTE INFARCT",
        "ST abnormality",
        "ST-T abnormality",
        "T wave abnormality",
        "ST depression",
    ]
    causes = ["", "is nonspecific", "is borderline", "may be due to myocardial ischemia",
              "is age and gender related", "suggests myocardial injury/ischemia"]  # fmt: skip
    hedges = [
        "",
        "Possible",
        "Probable",
        "Cannot rule out",
        "No evidence of",
        "Consider",
        "Borderline",
    ]
    made = itertools.chain(
        ["Normal ECG", "Abnormal ECG", "Borderline ECG", "Normal ECG except for rate"],
        itertools.product(rhythms, modifiers),
        itertools.product(hedges, blocks),
        itertools.product(hedges, places, findings, causes),
    )
    texts = (" ".join(filter(None, (m,) if isinstance(m, str) else m)) for m in made)
    return list(dict.fromkeys(texts))[:3000]


def make_rows(rows: int, filled: int) -> pd.DataFrame:
    """Return statements of records; a few occur very often, most hardly ever."""
    rng = np.random.default_rng(1)
    texts = np.array(statements(), object)
    picked = np.minimum((rng.pareto(0.7, (rows, filled)) * 4).astype(int), len(texts) - 1)
    order = rng.permutation(len(texts))
    table = np.full((rows, len(COLUMNS)), np.nan, object)
    table[:, :filled] = texts[order[picked]]
    return pd.DataFrame(table, columns=COLUMNS, dtype="str")  # as pandas reads text


def as_lists(table: pd.DataFrame) -> list[list[str]]:
    """Return each row's statements, as the reader of MIMIC-IV-ECG makes them."""
    return texts_of_rows([table[column] for column in COLUMNS])


def from_lists(codes: list[list[str]]) -> list[tuple[str, ...]]:
    return label_records(codes, "mimic", Policy("present")).labels


def from_table(table: pd.DataFrame) -> list[tuple[str, ...]]:
    return from_lists(as_lists(table))


def row_by_row(table: pd.DataFrame) -> np.ndarray:
    def detect(row):
        text = " " + " ".join(str(row[column]) for column in COLUMNS).lower() + " "
        return {label: int(any(k in text for k in keys)) for label, keys in KEYWORDS.items()}

    return pd.DataFrame(table.apply(detect, axis=1).tolist())[LABELS].to_numpy(bool)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 800_000
    filled = int(sys.argv[2]) if len(sys.argv) > 2 else len(COLUMNS)
    table, part = make_rows(rows, filled), min(PART, rows)
    distinct = len(pd.unique(table.to_numpy().ravel()))
    print(f"{rows} rows, {filled} of {len(COLUMNS)} statements in each, {distinct} different ones")
    codes, objects = as_lists(table), table.astype(object)
    seconds: dict[str, list[float]] = {}
    for round_number in range(ROUNDS):
        sample = table.sample(part, random_state=round_number)
        contestants = {
            "ours, from the table": (from_table, table),
            "ours, from Python objects": (from_table, objects),
            "ours, from a manifest's lists": (from_lists, codes),
            "row by row, as pandas reads": (row_by_row, sample),
            "row by row, Python objects": (row_by_row, sample.astype(object)),
        }
        found = {}
        for name, (call, given) in contestants.items():
            start = time.process_time()
            found[name] = call(given)
            spent = (time.process_time() - start) * rows / len(given)
            seconds.setdefault(name, []).append(spent)
    report(seconds, part)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.1f} GB, with the table and its lists")
    ours, theirs = (found[name] for name in list(found)[2:4])
    differ = (carries(ours, LABELS)[sample.index] != theirs).sum(axis=0)
    counts = ", ".join(f"{label} {n}" for label, n in zip(LABELS, differ, strict=True) if n)
    print(f"of {part} records the two differ in: {counts}")


def report(seconds: dict[str, list[float]], part: int) -> None:
    for name, values in seconds.items():
        low, middle, high = np.percentile(values, [0, 50, 100])
        print(f"{name:<32}{middle:8.1f} s   ({low:.1f} to {high:.1f})")
    names = list(seconds)
    for slow in names[3:]:
        for fast in names[:3]:
            ratio = np.array(seconds[slow]) / seconds[fast]
            spread = f"({ratio.min():.1f} to {ratio.max():.1f})"
            print(f"{np.median(ratio):6.1f} x   {spread:<18}{slow} / {fast}")
    print(f"row by row was timed on {part} rows and scaled")


main()
