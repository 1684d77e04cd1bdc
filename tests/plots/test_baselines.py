"""Every kind of figure looks as it did when somebody last looked at it."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from pictures import LARGEST_DIFFERENCE, compare_with_baseline, difference, rendered

from ecglens.plots.beats import draw_beats
from ecglens.plots.cases import Case, draw_case
from ecglens.plots.curves import Curve, draw_history, draw_precision_recall, draw_roc
from ecglens.plots.explained import draw_explained
from ecglens.plots.faithfulness import draw_faithfulness
from ecglens.plots.heat import draw_heat
from ecglens.plots.paper import draw_paper
from ecglens.plots.quick import draw_quick
from ecglens.plots.reliability import Reliability, draw_reliability
from ecglens.plots.segments import draw_segments, draw_waves
from ecglens.record import LEADS, Record

RATE = 100.0


def beats(seconds=10.0):
    """Return P, QRS and T in every lead, mV, the same whatever numpy's generators do."""
    time = np.arange(round(seconds * RATE)) / RATE % 0.8

    def wave(centre, width):
        return np.exp(-(((time - centre) / width) ** 2))

    shape = 0.12 * wave(0.2, 0.03) + wave(0.36, 0.015) + 0.3 * wave(0.62, 0.05)
    heights = np.array([0.7, 1.1, 0.5, -0.9, 0.2, 0.8, -1.4, -1.8, -0.6, 1.2, 1.5, 1.1])
    return (shape[:, None] * heights).astype(np.float32)


def a_record():
    return Record(beats(), RATE, "a record")


def a_faulty_record():
    signal = beats()
    signal[:, LEADS.index("II")] = np.nan
    signal[200:330, LEADS.index("aVR")] = np.nan
    signal[:, LEADS.index("V2")] = 0.3
    signal[500, LEADS.index("V4")] = 30.0
    return Record(signal, RATE, "a faulty record")


def a_map():
    """Return an attribution by lead: for where V1 to V4 deflect, against where I, aVL, V6 do."""
    sides = np.array([-1, 0, 0, 0, -1, 0, 1, 1, 1, 1, 0, -1])
    return 0.01 * np.abs(beats()) * sides


def a_mean_beat(attribution, **options):
    """Draw the second of the record's beats and of a map, with a tenth of it as its spread."""
    beat = slice(81, 161)
    offsets = np.arange(-35, 45) / RATE
    signal = beats()[beat]
    about = {"title": "CLBBB: mean of 2 beats", "subtitle": "over the mean attribution"}
    spread = 0.05 + 0.1 * np.abs(signal)
    return draw_beats(offsets, signal, attribution[beat], spread=spread, **about, **options)


def explained(attribution):
    return draw_explained(
        a_record(), "CLBBB", attribution,
        probability=0.91, threshold=0.4, logit=2.3, bias=2.3 - float(a_map().sum()),
        lines=["a warning"], layout="3x4",
    )  # fmt: skip


def methods_judged():
    """Draw two measures of three methods, of which one does not apply to one of them."""
    rows = [
        ("additive", "localisation", 0.8, 0.7, 0.85), ("gradcam", "localisation", 0.6, 0.5, 0.7),
        ("random", "localisation", 0.3, 0.28, 0.32), ("additive", "share", 0.31, 0.31, 0.31),
        ("additive", "degradation", 0.4, 0.3, 0.5), ("random", "degradation", -0.1, -0.2, 0.0),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "measure", "value", "low", "high"])
    panels = [("localisation", "in the evidence", "high", "share"),
              ("degradation", "degradation", "high", "")]  # fmt: skip
    return draw_faithfulness(table, panels, title="a title")


def a_case():
    return Case(a_faulty_record(), "CLBBB", a_map(), 0.91, 0.4, 0.2, 2.3, True)


RATES = np.linspace(0, 1, 41)
CURVES = {
    "MI": Curve(RATES, RATES**0.3, 0.769, (0.2, 0.2**0.3), (0.74, 0.8)),
    "CD": Curve(RATES, RATES**0.15, 0.87, (0.1, 0.1**0.15), (0.85, 0.89), chance=0.2),
}
CENTRES = np.linspace(0.05, 0.95, 10)
FREQUENCIES = {
    label: Reliability(
        CENTRES, CENTRES**power, 0.9 * CENTRES**power, CENTRES ** (power / 1.3),
        np.arange(100, 0, -10), 0.05,
    )
    for label, power in (("MI", 1.2), ("CD", 0.8))
}  # fmt: skip
WAVES = {"P": -a_map()[10:30].sum(0), "QRS": a_map()[30:45].sum(0), "T": a_map()[45:80].sum(0)}
HISTORY = {"loss": [0.9, 0.6, 0.5], "val_loss": [0.9, 0.7, 0.8], "val_auroc": [0.6, 0.9, 0.8]}

FIGURES = {
    "quick": lambda: draw_quick(a_record()),
    "quick_faulty": lambda: draw_quick(a_faulty_record()),
    "paper_3x4": lambda: draw_paper(a_record(), layout="3x4", title="A title"),
    "paper_6x2": lambda: draw_paper(a_record(), layout="6x2"),
    "paper_12x1": lambda: draw_paper(a_record(), layout="12x1"),
    "paper_faulty": lambda: draw_paper(a_faulty_record(), layout="3x4"),
    "heat_by_time": lambda: draw_heat(a_record(), a_map().sum(1), title="CLBBB", subtitle="sum"),
    "heat_by_lead": lambda: draw_heat(a_record(), a_map(), layout="12x1"),
    "heat_one_lead": lambda: draw_heat(a_record(), a_map(), layout="V1", speed=50, gain=20),
    "heat_unsigned": lambda: draw_heat(a_record(), np.abs(a_map()), layout="3x4", signed=False),
    "segments": lambda: draw_segments(a_map().reshape(50, 20, 12).sum(1).T, window=0.2),
    "waves": lambda: draw_waves(WAVES, title="CLBBB"),
    "beats_by_lead": lambda: a_mean_beat(a_map()),
    "beats_by_time": lambda: a_mean_beat(a_map().sum(1, keepdims=True)),
    "beats_unsigned": lambda: a_mean_beat(np.abs(a_map()), signed=False),
    "explained": lambda: explained(a_map()),
    "explained_not_additive": lambda: explained(None),
    "faithfulness": methods_judged,
    "roc": lambda: draw_roc(CURVES, title="A title"),
    "precision_recall": lambda: draw_precision_recall(CURVES),
    "reliability": lambda: draw_reliability(FREQUENCIES),
    "history": lambda: draw_history(HISTORY),
    "case": lambda: draw_case(a_case()),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(name):
    compare_with_baseline(FIGURES[name](), name)


def test_the_comparison_sees_one_lead_upside_down():
    turned = a_record()
    turned.signal[:, 0] *= -1
    one, other = (rendered(draw_paper(r, layout="12x1")) for r in (a_record(), turned))
    assert one.size == other.size
    assert difference(one, other) > LARGEST_DIFFERENCE


def test_the_comparison_sees_heat_of_the_other_sign():
    one, other = (rendered(draw_heat(a_record(), sign * a_map())) for sign in (1, -1))
    assert difference(one, other) > LARGEST_DIFFERENCE


def test_the_comparison_forgives_letters_that_are_drawn_another_way():
    one = rendered(FIGURES["paper_3x4"]())
    with matplotlib.rc_context({"text.hinting": "no_autohint", "text.antialiased": False}):
        other = rendered(FIGURES["paper_3x4"]())
    assert 0 < difference(one, other) <= LARGEST_DIFFERENCE
