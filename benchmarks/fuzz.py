"""Damage thousands of files in every format, and count what reading them comes to; seeded.

    python benchmarks/fuzz.py [CASES] [SEED]

A quarter each of headers, signals, CSVs and XMLs (default: 10,000 in all), by bit flips, cuts,
overwritten, dropped and repeated bytes, other numbers, swapped fields and moved lines. Prints the
outcomes of each group and format, the time of a read and the memory; exits with 1 if any case
crashed, hung, was misread past a checksum, or put the patient into a message.

DICOM, EDF, aECG, Sierra, CSV and the header of WFDB have no checksum: a change there that still
makes sense cannot be noticed by anybody, and is counted as that.
"""

import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "formats"))
import fuzzing
from fuzzing import OUTCOMES


def main() -> None:
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    before = fuzzing.peak_memory()
    start = time.perf_counter()
    done = list(tqdm(fuzzing.fuzz(cases, seed), total=cases, unit="file", file=sys.stderr))
    seconds = time.perf_counter() - start

    print("; ".join(f"{i} {outcome}" for i, outcome in enumerate(OUTCOMES, start=1)) + "\n")
    table([(case.target.group, case.outcome) for case in done])
    table([(case.target.name, case.outcome) for case in done])
    times = np.array([case.seconds for case in done]) * 1e3
    print(
        f"{cases} files, seed {seed}: {seconds:.0f} s; a read takes {np.median(times):.2f} ms "
        f"(10-90 %: {np.percentile(times, 10):.2f} to {np.percentile(times, 90):.2f}, "
        f"longest {times.max():.0f}); "
        f"{(fuzzing.peak_memory() - before) / 2**20:.0f} MiB more memory at the most"
    )
    worst = [case for case in done if case.outcome in fuzzing.WORST]
    for case in worst:
        print(f"{case.target.name}, {case.mutation}: {case.outcome}: {case.said}")
    print("passed" if not worst else f"FAILED: {len(worst)} cases")
    sys.exit(bool(worst))


def table(pairs: list[tuple[str, str]]) -> None:
    """Print how often each outcome was had by each name, one column an outcome."""
    counts = Counter(pairs)
    print(f"{'':<31}{'cases':>7}" + "".join(f"{i:>7}" for i in range(1, len(OUTCOMES) + 1)))
    for name in sorted({name for name, _ in counts}):
        row = [counts[name, outcome] for outcome in OUTCOMES]
        print(f"{name:<31}{sum(row):>7}" + "".join(f"{count:>7}" for count in row))
    print()


if __name__ == "__main__":
    main()
