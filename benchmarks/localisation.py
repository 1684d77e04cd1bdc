"""How far a model's additive map lies inside the simulator's evidence, with a random map beside it.

    python benchmarks/localisation.py MODEL.keras

The model is one of the task rhythm_conduction, at 100 Hz. It is judged on 500 simulated records
that no training saw: by the share of the positive attribution in the evidence (in time, in any
lead) and by the pointing game, over labels, on records that carry the label and are found
(probability of one half). As in the benchmark of explanations, labels whose evidence is nearly all
of the record are not judged: rates. ``guided_localisation.sh`` trains such models.
"""

import sys
from pathlib import Path

import numpy as np

from ecglens.evaluation.metrics import macro_auroc
from ecglens.explain import faithfulness as measure
from ecglens.explain.benchmark import COVERED
from ecglens.explain.faithfulness_cases import simulated_cases
from ecglens.labels import get_task
from ecglens.models import load_model

TASK = get_task("rhythm_conduction")
RECORDS, SAMPLES, RATE, LEADS = 500, 1000, 100, 12


def main() -> None:
    model = load_model(Path(sys.argv[1]))
    cases = simulated_cases(TASK.labels, RECORDS, samples=SAMPLES, sampling_frequency=RATE)
    found = model.predict(cases.signals, verbose=0, batch_size=50)
    truth, rows = np.zeros((RECORDS, len(TASK.labels)), np.float32), []
    for case in cases.cases:
        column = TASK.labels.index(case.label)
        truth[case.rows, column] = 1
        if case.evidence.any(axis=2).mean() > COVERED:
            print(f"{case.label}: evidence of more than {COVERED:.0%} of the record, not judged")
            continue
        own = found["probability"][case.rows, column] >= 0.5
        values = found["attribution"][case.rows[own], :, :, column].mean(axis=2, keepdims=True)
        shown = case.evidence[own].any(axis=2, keepdims=True)
        shown = np.repeat(shown, LEADS, axis=2)
        noise = np.random.default_rng(0).normal(size=values.shape)
        rows.append((
            case.label, len(own), int(own.sum()), measure.localisation(values, shown).mean(),
            measure.localisation(noise, shown).mean(), measure.pointing_game(values, shown).mean(),
        ))  # fmt: skip
    print(f"macro AUROC {macro_auroc(truth, found['logit']):.4f}")
    print(
        f"{'label':<8}{'records':>8}{'found':>7}{'localisation':>14}{'random':>9}{'pointing':>10}"
    )
    means = ("mean", *np.nansum([row[1:3] for row in rows], axis=0))
    for label, count, own, *values in [*rows, (*means, *np.nanmean([r[3:] for r in rows], axis=0))]:
        print(f"{label:<8}{count:>8}{own:>7}{values[0]:>14.3f}{values[1]:>9.3f}{values[2]:>10.3f}")


main()
