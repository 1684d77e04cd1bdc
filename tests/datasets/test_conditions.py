"""Findings stand together as hearts allow, and get the codes that a record shows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.datasets.conditions import (
    AGES,
    ALL_HIDDEN,
    BREADTHS,
    CODES,
    NO_CONDUCTION,
    PREVALENCE,
    WOMEN,
    Findings,
    draw_age,
    draw_findings,
    draw_rhythm,
    draw_sex,
    go_together,
    scp_codes,
    visible,
)
from ecglens.datasets.evidence import SIGNS
from ecglens.datasets.rhythms import RHYTHMS, SINUS
from ecglens.datasets.statements import STATEMENTS_OF

ECG_XPLAIM = {  # the 25 labels of ECG-XPLAIM and the codes that stand for them
    "afib": "AFIB", "aflu": "AFLT", "afifl": "AFLT", "rbbb": "CRBBB", "lbbb": "CLBBB",
    "lafb": "LAFB", "lpfb": "LPFB", "pvc": "PVC", "pac": "PAC", "ami": "AMI", "imi": "IMI",
    "smi": "ASMI", "lmi": "LMI", "avb1": "1AVB", "avb2i": "2AVB1", "avb2ii": "2AVB2",
    "avb2": "2AVB", "avb3": "3AVB", "bradsr": "SBRAD", "svt": "SVTAC", "vt": "VTACH",
    "tachsr": "STACH", "lqt": "LNGQT", "wpw": "WPW", "pace": "PACE",
}  # fmt: skip


def drawn(seed, breadth="all"):
    rng = np.random.default_rng(seed)
    findings = draw_findings(breadth, rng)
    return (findings, *draw_rhythm(breadth, findings, rng))


@pytest.fixture(scope="module")
def many():
    return [drawn(seed) for seed in range(3000)]


def test_all_25_labels_of_ecg_xplaim_are_drawn(many):
    codes = set().union(*(scp_codes(*case) for case in many))
    assert set(ECG_XPLAIM.values()) <= codes
    assert {"NORM", "SR", "LVH", "RVH", "STD_", "STE_", "ISC_", "ISCAL", "ISCIN", "ISCAS"} <= codes


def test_every_code_is_explained_and_all_but_sinus_rhythm_have_a_sign(many):
    codes = set().union(*(scp_codes(*case) for case in many))
    assert codes == set(STATEMENTS_OF)
    assert codes - {"SR"} == set(SIGNS)
    assert codes - {"SR", "2AVB1", "2AVB2"} == set(AGES)
    assert set(WOMEN) <= codes


@pytest.mark.parametrize("breadth", BREADTHS)
def test_the_shares_of_a_table_add_up_and_name_known_things(breadth):
    for shares in PREVALENCE[breadth].values():
        assert sum(shares.values()) == pytest.approx(1)
    assert set(PREVALENCE[breadth]["rhythm"]) <= set(RHYTHMS)


def test_rhythms_and_ectopy_come_as_often_as_the_table_says(many):
    rhythms = Counter(rhythm for _, rhythm, _ in many)
    for rhythm, share in PREVALENCE["all"]["rhythm"].items():
        assert rhythms[rhythm] / len(many) == pytest.approx(share, abs=0.035)


def test_every_label_is_in_at_least_one_record_in_a_hundred(many):
    counts = Counter(code for case in many for code in scp_codes(*case))
    assert min(counts.values()) > 0.01 * len(many)


def test_a_third_of_the_records_carries_more_than_one_label(many):
    labels = [len(set(scp_codes(*case)) - {"SR", "2AVB1", "2AVB2"}) for case in many]
    assert 0.2 < np.mean(np.array(labels) > 1) < 0.5
    assert 0.12 < np.mean(["NORM" in scp_codes(*case) for case in many]) < 0.3


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_record_says_what_its_rhythm_cannot_show(seed):
    findings, rhythm, ectopy = drawn(seed)
    codes = set(scp_codes(findings, rhythm, ectopy))
    assert codes
    if codes & {"AFIB", "AFLT", "SVTAC", "PSVT", "VTACH", "3AVB"}:
        assert not codes & {"1AVB", "2AVB", "PAC", "SR", "NORM", "STACH", "SBRAD"}
    if "VTACH" in codes:
        assert codes == {"VTACH"}
    if codes & {"PACE", "WPW", "CLBBB"}:
        infarcts = {"IMI", "ILMI", "LMI", "ALMI", "AMI", "ASMI"}
        assert not codes & (infarcts | {"LVH", "RVH", "STD_", "STE_", "ISC_", "LNGQT", "NDT"})
    if "PACE" in codes:
        assert codes <= {"PACE", "AFIB"}
    if "NORM" in codes:
        assert codes == {"NORM", "SR"}
    assert len(codes & {"CLBBB", "CRBBB", "IRBBB", "WPW", "PACE"}) <= 1
    assert not {"LAFB", "LPFB"} <= codes and not {"STACH", "SBRAD"} <= codes
    if "WPW" in codes:
        assert codes & set(SINUS) and "1AVB" not in codes


@pytest.mark.parametrize(
    ("findings", "rhythm", "ectopy", "codes"),
    [
        (Findings(), "SR", "", {"NORM": 100.0, "SR": 0.0}),
        (Findings(), "AFIB", "", {"AFIB": 0.0}),
        (Findings(), "SR", "PVC", {"PVC": 100.0, "SR": 0.0}),
        (Findings("CLBBB"), "SR", "", {"CLBBB": 100.0, "SR": 0.0}),
        (Findings("CRBBB"), "STACH", "", {"CRBBB": 100.0, "STACH": 0.0}),
        (Findings("PACE"), "SR", "", {"PACE": 100.0}),
        (Findings("PACE"), "AFIB", "", {"PACE": 100.0, "AFIB": 0.0}),
        (Findings(av="1AVB"), "SBRAD", "", {"1AVB": 100.0, "SBRAD": 0.0}),
        (Findings(av="1AVB"), "AFIB", "", {"AFIB": 0.0}),
        (Findings("CRBBB+LAFB"), "2AVB2", "",
         {"CRBBB": 100.0, "LAFB": 100.0, "2AVB": 100.0, "2AVB2": 100.0}),
        (Findings(infarct="IMI", stage="old"), "3AVB", "", {"IMI": 100.0, "3AVB": 100.0}),
        (Findings(infarct="IMI", stage="old"), "3AVB wide", "", {"3AVB": 100.0}),
        (Findings(repolarisation="LNGQT"), "AFLT", "", {"AFLT": 100.0}),
        (Findings(hypertrophy="LVH", repolarisation="ISC_"), "SR", "",
         {"LVH": 100.0, "ISC_": 100.0, "SR": 0.0}),
    ],
)  # fmt: skip
def test_findings_become_the_codes_of_ptb_xl(findings, rhythm, ectopy, codes):
    assert scp_codes(findings, rhythm, ectopy) == codes


@pytest.mark.parametrize(
    "findings",
    [
        Findings("CLBBB", infarct="IMI"),
        Findings("PACE", av="1AVB"),
        Findings("WPW", av="1AVB"),
        Findings("PACE", repolarisation="LNGQT"),
        Findings("LAFB", hypertrophy="LVH"),
        Findings("CLBBB", hypertrophy="RVH"),
        Findings(infarct="IMI", repolarisation="ISCIN"),
        Findings(infarct="LMI", hypertrophy="RVH"),
    ],
)
def test_findings_that_hide_or_contradict_each_other_do_not_go_together(findings):
    assert not go_together(findings)


def test_what_is_often_seen_together_may_be_drawn_together(many):
    pairs = {frozenset(p) for case in many if len(p := set(scp_codes(*case)) - {"SR"}) == 2}
    for pair in ({"CLBBB", "1AVB"}, {"LVH", "ISC_"}, {"RVH", "IRBBB"}, {"AFIB", "PVC"}):
        assert frozenset(pair) in pairs


def test_the_starter_draws_rhythm_and_conduction_alone():
    codes = {code for seed in range(400) for code in scp_codes(*drawn(seed, "starter"))}
    assert codes == {"NORM", "SR", "AFIB", "STACH", "SBRAD", "CLBBB", "CRBBB", "PACE"}


def test_hidden_findings_come_back_with_the_rhythm():
    findings = Findings(infarct="ASMI", stage="old", av="1AVB")
    assert visible(findings, "SR") == findings
    assert visible(findings, "AFIB").infarct == "ASMI"
    for rhythm in ALL_HIDDEN:
        assert visible(findings, rhythm) == Findings()
    assert all(not visible(findings, rhythm).av for rhythm in NO_CONDUCTION)


def test_age_and_sex_go_by_the_condition():
    rng = np.random.default_rng(0)
    young, old = ([draw_age({code: 0.0}, rng) for _ in range(300)] for code in ("WPW", "PAC"))
    assert np.median(old) > np.median(young) + 20
    assert min(young) >= 18 and max(old) <= 89
    women = np.mean([draw_sex({"AFLT": 0.0, "SR": 0.0}, rng) for _ in range(500)])
    assert 0.18 < women < 0.32


def test_names_of_several_codes_are_names_of_the_tables():
    table = PREVALENCE["all"]
    known = {name for shares in table.values() for name in shares}
    assert set(CODES) <= known
