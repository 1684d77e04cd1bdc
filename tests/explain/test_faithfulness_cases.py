"""Records with evidence: simulated, delineated by cardiologists, delineated by neurokit2."""

import numpy as np
import pandas as pd
import pytest

from ecglens.datasets import simulated
from ecglens.errors import LabelError, RecordError
from ecglens.explain import faithfulness_cases as c
from ecglens.explain.waves import Delineation
from ecglens.labels import get_task
from ecglens.record import LEADS

LABELS = get_task("rhythm_conduction").labels
SHAPE = {"samples": 1000, "sampling_frequency": 100}


@pytest.fixture(scope="module")
def cases():
    return c.simulated_cases(LABELS, 40, **SHAPE)


def test_simulated_cases_have_the_simulators_own_evidence(cases, tmp_path):
    folder = tmp_path / "set"
    simulated.fetch(folder, records=40, seed=c.SEED)
    table = simulated.read_evidence(folder)
    assert {item.label for item in cases.cases} == set(LABELS)
    for item in cases.cases:
        number = int(cases.record_ids[item.rows[0]])
        shown = table[(table.ecg_id == number) & (table.scp_code == item.label)]
        np.testing.assert_array_equal(item.evidence[0], simulated.evidence_mask(shown, 1000, 100))


def test_simulated_records_are_none_of_the_training_data(cases):
    other = c.simulated_cases(LABELS, 5, **SHAPE, seed=1)
    assert not np.isclose(cases.signals[:5], other.signals).all(axis=(1, 2)).any()


def test_a_class_of_findings_has_the_evidence_of_its_codes():
    found = c.simulated_cases(("CD", "CLBBB", "CRBBB"), 15, **SHAPE)
    by = {item.label: item for item in found.cases}
    for label in ("CLBBB", "CRBBB"):
        place = by["CD"].rows.tolist().index(by[label].rows[0])
        assert (by["CD"].evidence[place] >= by[label].evidence[0]).all()


def test_a_label_that_the_simulator_does_not_show_is_left_out_with_the_reason():
    found = c.simulated_cases(("CLBBB", "DIG"), 10, **SHAPE)
    assert found.left_out == {"DIG": "no simulated record shows it"}


def test_a_model_of_another_length_is_refused():
    with pytest.raises(RecordError, match="500 samples at 100 Hz"):
        c.simulated_cases(LABELS, 5, samples=500, sampling_frequency=100)


def test_only_cases_that_the_model_finds_are_kept(cases):
    found = {label: np.zeros(40, bool) for label in LABELS}
    found["AFIB"][:] = True
    left = c.kept(cases, found)
    assert [item.label for item in left.cases] == ["AFIB"]
    assert left.left_out["NORM"].startswith("the model finds none of")
    found["AFIB"][:] = False
    with pytest.raises(LabelError, match="no case that the model finds"):
        c.kept(cases, found)


def test_a_delineation_becomes_rows_of_the_same_waves_in_every_lead():
    bounds = np.full((3, 3, 1), np.nan)
    bounds[1, :, 0] = 0.2, 0.25, 0.3
    table = c.waves_table(Delineation(bounds))
    assert table.lead.value_counts().to_dict() == dict.fromkeys(LEADS, 3)
    qrs = table[(table.wave == "QRS") & (table.lead == "V3")].iloc[0]
    assert (qrs.onset, qrs.peak, qrs.offset) == (0.2, 0.25, 0.3)


def test_expected_cases_ask_for_waves_only_where_something_is_expected():
    asked = []

    def waves(index):
        asked.append(index)
        rows = [(lead, "QRS", 0.2, 0.25, 0.3) for lead in LEADS]
        return pd.DataFrame(rows, columns=["lead", "wave", "onset", "peak", "offset"])

    signals = np.zeros((3, 100, 12), np.float32)
    carried = [("NORM",), ("CRBBB", "SR"), ("STACH",)]
    found = c.expected_cases(
        "ptb-xl", signals, [7, 8, 9], carried, waves, LABELS, sampling_frequency=100
    )
    assert asked == [1]
    assert [(item.label, item.rows.tolist()) for item in found.cases] == [("CRBBB", [1])]
    assert found.left_out["NORM"] == "the absence of every sign"
    assert found.left_out["CLBBB"] == "no record shows it"


@pytest.mark.slow
def test_ludb_gives_bundle_branch_blocks_with_their_qrs(ludb_folder):
    found = c.ludb_cases(ludb_folder, LABELS, **SHAPE)
    by = {item.label: item for item in found.cases}
    assert {"AFIB", "CLBBB", "CRBBB"} <= set(by)
    right = by["CRBBB"]
    shown = right.evidence.any(axis=(0, 1))
    assert {LEADS[lead] for lead in np.flatnonzero(shown)} == {"I", "V1", "V2", "V6"}
    within = right.evidence.any(axis=2) <= right.judged
    assert within.all()
    share = right.evidence.any(axis=2).sum(axis=1) / right.judged.sum(axis=1)
    assert (share > 0.05).all() and (share < 0.4).all()
