"""Print the figures of our model from the kept results of its parts and seeds, beside the marks.

    python benchmarks/own_model_table.py

Reads ``results/own_model/PART/seed_*``, which ``own_model.sh`` writes: macro AUROC on folds 9 and
10 of each task, the mean over seeds with the lowest and the highest, and how long each seed took.
A star marks the part that is best at a task on fold 9, which is put forward for it: ``mean``,
``mean_rare`` or ``form_deep``. ``form``, ``form_inception``, ``whole`` and ``three_crops`` (the
mean of three networks of crops) were also judged. Form's mean over the labels that fold 9 has often
enough follows: the others move the mean of all by .02 from seed to seed. Then the statements of
ECG-XPLAIM's tasks, at the thresholds that fold 9 gives. Of networks for which fold 10 was not
opened alone there is only the log.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent / "results" / "own_model"
OFTEN = 12  # positives
PARTS = (
    "mean", "mean_rare", "form_deep", "form", "form_inception", "whole", "three_crops", "leads",
)  # fmt: skip
# What was to be reached, and the best of Strodthoff et al. 2021 (doi 10.1109/JBHI.2020.3022989)
# on PTB-XL at 100 Hz.
MARKS = {
    "superclass": (0.932, 0.930), "all": (0.930, 0.925), "diagnostic": (0.937, 0.937),
    "subclass": (0.931, 0.930), "form": (0.900, 0.899), "rhythm": (0.957, 0.957),
}  # fmt: skip

XPLAIM = ("AFIB", "STACH", "CRBBB", "CLBBB", "LAFB", "LNGQT", "WPW", "PACE")


def main() -> None:
    parts = {part: sorted((FOLDER / part).glob("seed_*")) for part in PARTS}
    parts = {part: seeds for part, seeds in parts.items() if seeds}
    logs = FOLDER.glob("*/seed_*")
    print("macro AUROC, mean of seeds (lowest to highest); *: the part that fold 9 chooses")
    print(f"{'task':<12}{'mark':>6}{'published':>11}   {'part (seeds)':<18}", end="")
    print(f"{'fold 10':>25}{'fold 9':>25}")
    for task, (mark, published) in MARKS.items():
        figures = {part: figures_of(seeds, task) for part, seeds in parts.items()}
        figures = {part: splits for part, splits in figures.items() if len(splits["test"])}
        best = max(figures, key=lambda part: figures[part]["validation"].mean())
        for part, splits in figures.items():
            row = f"{task:<12}{mark:>6.3f}{published:>11.3f} {'*' if part == best else ' '} "
            row += f"{part:<15}({len(parts[part])})"
            for split in ("test", "validation"):
                values = splits[split]
                row += f"{values.mean():>9.4f} ({values.min():.4f}-{values.max():.4f})"
            print(row)
    for part in (part for part in parts if part.startswith("form")):
        for split, values in frequent(parts[part]).items():
            shown = ", ".join(f"{value:.4f}" for value in values)
            print(f"{part}, labels of {OFTEN} records of fold 9 or more, {split}: {shown}")
    print("ECG-XPLAIM's statements, fold 10, mean of seeds: sensitivity, specificity, AUROC")
    for part in ("mean", "mean_rare"):
        for label in XPLAIM:
            found = [json.loads((x / "metrics.json").read_text())["test"] for x in parts[part]]
            rows = pd.DataFrame([one["labels"][label] for one in found])
            values = rows[["sensitivity", "specificity", "auroc"]].mean()
            shown = ", ".join(f"{value:.3f}" for value in values)
            print(f"{part:<12}{label:<8}{rows.positives[0]:>4} records  {shown}")
    for seed in sorted(logs):
        print(f"\n{seed.parent.name}, {seed.name}\n{(seed / 'log.txt').read_text().strip()}")
        history = pd.read_csv(seed / "history.csv")
        print(f"epochs {len(history)}, best by validation {history.val_auroc.idxmax() + 1}")


def frequent(seeds: list[Path]) -> dict[str, np.ndarray]:
    """Return each seed's mean AUROC over the labels that are not rare, and the mean of seeds."""
    metrics = [json.loads((seed / "metrics.json").read_text()) for seed in seeds]
    found = metrics[0]["validation"]["labels"].items()
    often = [label for label, row in found if row["positives"] >= OFTEN]
    values = {
        split: [np.mean([one[split]["labels"][k]["auroc"] for k in often]) for one in metrics]
        for split in ("validation", "test")
    }
    return {split: np.array([*each, np.mean(each)]) for split, each in values.items()}


def figures_of(seeds: list[Path], task: str) -> dict[str, np.ndarray]:
    """Return a task's AUROC of each seed, on both folds; none where it is not answered."""
    metrics = [json.loads((seed / "metrics.json").read_text()) for seed in seeds]
    found = {}
    for split in ("test", "validation"):
        tasks = [
            one[split].get("tasks", {seed.parent.name.split("_")[0]: one[split]["macro"]})
            for seed, one in zip(seeds, metrics, strict=True)
        ]
        found[split] = np.array([one[task]["auroc"] for one in tasks if task in one])
    return found


main()
