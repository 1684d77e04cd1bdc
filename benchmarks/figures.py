"""Time of a figure of 12 leads with heat, drawn and written, on a real or simulated record.

    python benchmarks/figures.py MODEL RECORD [REPEATS]

Wall time is what a reader waits; processor time is what it takes on a machine that is shared.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from ecglens.errors import run_stage
from ecglens.inference import Predictor
from ecglens.plots.explained import draw_prediction, labels_to_draw
from ecglens.plots.heat import draw_heat, figure_bytes
from ecglens.plots.paper import draw_paper
from ecglens.plots.quick import draw_quick


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    prediction = Predictor(Path(sys.argv[1])).predict(sys.argv[2], policy=["keep"])
    (label, *_) = labels_to_draw(prediction)
    column = prediction.card.column(label)
    record, heat = prediction.record, prediction.attribution[..., column]
    by_lead = heat * np.abs(record.signal - np.nanmedian(record.signal, axis=0))
    figures = {
        f"heat over time, {layout}": lambda layout=layout: draw_prediction(
            prediction, label, layout=layout
        )
        for layout in ("6x2", "12x1", "3x4")
    }
    figures["heat by lead, 6x2"] = lambda: draw_heat(record, np.nan_to_num(by_lead), layout="6x2")
    figures["paper, 3x4"] = lambda: draw_paper(record, layout="3x4")
    figures["quick"] = lambda: draw_quick(record)
    print(f"{record.name}, {len(record.signal)} samples, {label}, {repeats} times each")
    print(
        f"{'figure':<24}{'file':<6}{'median s':>9}{'  (10-90 %)':<16}{'processor s':>11}{'kB':>7}"
    )
    for name, draw in figures.items():
        for kind in ("png", "svg", "pdf"):
            report(name, kind, draw, repeats)


def report(name: str, kind: str, draw, repeats: int) -> None:
    """Print the time of drawing and writing one kind of figure."""
    figure_bytes(draw(), kind)  # fonts are found, and caches filled, once a process
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        content = figure_bytes(draw(), kind)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    low, high = np.percentile(walls, (10, 90))
    spread = f"  ({low:.2f} to {high:.2f})"
    print(
        f"{name:<24}{kind:<6}{statistics.median(walls):>9.3f}{spread:<16}"
        f"{statistics.median(processors):>11.3f}{len(content) // 1000:>7}"
    )


run_stage(main)
