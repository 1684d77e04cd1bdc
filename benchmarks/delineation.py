"""Waves of LUDB against its cardiologists' marks: python benchmarks/delineation.py LUDB

Each mark of each lead is compared with the nearest of ours, which all leads share, and counts as
found within 150 ms. Ours count as false where the lead has no mark within 150 ms; before a lead's
first and after its last mark nothing was marked, so nothing counts there. The limits of the QRS
complex and the share of leads that must agree on P and T were chosen on records with odd numbers;
that of R was looked at on all. Even numbers are therefore shown apart.
"""

import sys
import time
from pathlib import Path

import numpy as np

from ecglens import formats
from ecglens.datasets.ludb import delineation
from ecglens.explain.waves import PARTS, delineate
from ecglens.record import LEADS

TOLERANCE = 0.150  # s: ANSI/AAMI EC57's for beats
MARGIN = 0.05  # s beyond a lead's first and last mark


def main() -> None:
    folder = Path(sys.argv[1])
    numbers = sorted(int(path.stem) for path in (folder / "data").glob("*.hea"))
    for rate in (500, 100):
        seconds, found, truth = [], {}, {}
        for number in numbers:
            record = formats.read(folder / "data" / str(number)).resampled(rate)
            start = time.perf_counter()
            found[number] = delineate(record.signal, rate)
            seconds.append(time.perf_counter() - start)
            truth[number] = delineation(folder, number)
        unread = sum(len(waves.unread) for waves in found.values())
        print(f"\n{rate} Hz; {np.median(seconds):.3f} s a record (median), {unread} leads unread")
        for title, chosen in (
            ("all", numbers),
            ("even numbers", [n for n in numbers if not n % 2]),
        ):
            show(f"{title}: {len(chosen)} records", found, truth, chosen)


def show(title: str, found: dict, truth: dict, numbers: list[int]) -> None:
    print(f"{title}\n{'':<13}{'marks':>7}{'sensitivity':>13}{'precision':>11}{'error, ms':>11}"
          f"{'bias':>7}{'sd':>6}")  # fmt: skip
    for wave in ("P", "QRS", "T"):
        for part in PARTS:
            missed, false, errors = 0, 0, []
            for number in numbers:
                ours = found[number].times(wave, part)
                for lead in LEADS:
                    marks = truth[number][truth[number].lead == lead]
                    m, f, e = compare(ours, marks, wave, part)
                    missed, false = missed + m, false + f
                    errors.append(e)
            error = 1000 * np.concatenate(errors)
            hits = len(error)
            print(f"{wave:<4}{part:<9}{hits + missed:>7}{hits / (hits + missed):>13.4f}"
                  f"{hits / (hits + false):>11.4f}{np.abs(error).mean():>11.1f}"
                  f"{error.mean():>7.1f}{error.std():>6.1f}")  # fmt: skip


def compare(ours: np.ndarray, marks, wave: str, part: str) -> tuple[int, int, np.ndarray]:
    """Return how many marks were missed, how many of ours are false, and the errors in s."""
    theirs = marks.loc[marks.wave == wave, part].dropna().to_numpy()
    inside = (ours >= marks.onset.min() - MARGIN) & (ours <= marks.offset.max() + MARGIN)
    if not len(ours) or not len(theirs):
        # A wave that is marked nowhere in a lead is absent there; of its ends, peaks alone count.
        return len(theirs), int(inside.sum()) if part == "peak" else 0, np.zeros(0)
    difference = ours[:, None] - theirs
    nearest = difference[np.abs(difference).argmin(axis=0), np.arange(len(theirs))]
    hit = np.abs(nearest) <= TOLERANCE
    false = inside & (np.abs(difference).min(axis=1) > TOLERANCE)
    return int((~hit).sum()), int(false.sum()), nearest[hit]


main()
