"""Print the figures of our model from the kept results of its seeds, beside the marks.

    python benchmarks/own_model_table.py

Reads ``results/own_model/seed_*``, which ``own_model.sh`` writes: macro AUROC on folds 9 and 10 of
each of the six tasks of the PTB-XL benchmark, the mean over seeds with the lowest and the highest,
and how long the training of a seed took.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent / "results" / "own_model"
# What was to be reached, and the best of Strodthoff et al. 2021 (doi 10.1109/JBHI.2020.3022989)
# on PTB-XL at 100 Hz.
MARKS = {
    "superclass": (0.932, 0.930), "all": (0.930, 0.925), "diagnostic": (0.937, 0.937),
    "subclass": (0.931, 0.930), "form": (0.900, 0.899), "rhythm": (0.957, 0.957),
}  # fmt: skip


def main() -> None:
    seeds = sorted(FOLDER.glob("seed_*"))
    metrics = [json.loads((seed / "metrics.json").read_text()) for seed in seeds]
    print(f"{len(seeds)} seeds; macro AUROC, mean (lowest to highest)")
    print(f"{'task':<12}{'mark':>6}{'published':>11}{'fold 10':>22}{'fold 9':>22}")
    for task, (mark, published) in MARKS.items():
        row = f"{task:<12}{mark:>6.3f}{published:>11.3f}"
        for split in ("test", "validation"):
            values = np.array([one[split]["tasks"][task]["auroc"] for one in metrics])
            row += f"{values.mean():>8.4f} ({values.min():.4f}-{values.max():.4f})"
        print(row)
    for seed in seeds:
        print(f"\n{seed.name}\n{(seed / 'log.txt').read_text().strip()}")
        history = pd.read_csv(seed / "history.csv")
        print(f"epochs {len(history)}, best by validation {history.val_auroc.idxmax() + 1}")


main()
