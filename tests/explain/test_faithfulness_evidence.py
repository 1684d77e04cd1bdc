"""The table of expected waves, and the masks that it gives on delineated records."""

import re

import numpy as np
import pandas as pd
import pytest

from ecglens.explain import faithfulness_evidence as e
from ecglens.labels import get_task
from ecglens.record import LEADS
from ecglens.vocabulary import tables

RATE = 100


def beats(lead, *times):
    """Waves of a lead: of each beat onset and offset of P, of QRS and of T, in s."""
    rows = []
    for p0, p1, q0, q1, t0, t1 in times:
        rows += [(lead, "P", p0, p1), (lead, "QRS", q0, q1), (lead, "T", t0, t1)]
    table = pd.DataFrame(rows, columns=["lead", "wave", "onset", "offset"])
    return table.assign(peak=(table.onset + table.offset) / 2)


TWO = [(0.1, 0.2, 0.25, 0.35, 0.5, 0.7), (1.1, 1.2, 1.25, 1.35, 1.5, 1.7)]


def test_every_expected_label_is_one_of_labels_yaml():
    table = e._table()
    known = set(tables().labels)
    assert not (set(table["labels"]) | set(table["without"])) - known
    assert set(table["labels"]).isdisjoint(table["without"])


def test_every_entry_names_known_waves_leads_and_papers_with_a_doi():
    for label in e.expected_labels():
        members = set(e._table()["labels"][label].get("any_of", ()))
        found = e.expectations(label, members)
        assert found, label
        for item in found:
            assert set(item.waves) <= set(e.SPANS) and set(item.leads) <= set(LEADS)
            assert item.because and item.sources
            assert all(re.search(r"doi 10\.\d{4,}/\S+$", paper) for paper in item.sources), label


def test_every_paper_of_the_table_is_used():
    used = {name for entry in e._table()["labels"].values() for name in entry.get("sources", ())}
    assert used == set(e._table()["sources"])


def test_each_label_of_the_default_task_is_expected_somewhere_or_has_a_reason():
    for label in get_task("rhythm_conduction").labels:
        assert bool(e.expectations(label)) != bool(e.reason_without(label))


def test_an_alias_expects_what_its_label_does():
    one, other = e.expectations("rbbb")[0], e.expectations("CRBBB")[0]
    assert (one.waves, one.leads, one.sources) == (other.waves, other.leads, other.sources)


def test_a_class_of_findings_expects_what_the_record_carries_of_it():
    assert [x.label for x in e.expectations("CD", {"CD", "CRBBB", "LAFB", "SR"})] == [
        "LAFB",
        "CRBBB",
    ]
    assert e.expectations("CD", {"CD", "3AVB"}) == []


def test_spans_are_those_between_the_marks():
    spans = e.spans_of(beats("II", *TWO))
    assert spans["PR"] == [(0.1, 0.25), (1.1, 1.25)]
    assert spans["ST"] == [(0.35, 0.5), (1.35, 1.5)]
    assert spans["QT"] == [(0.25, 0.7), (1.25, 1.7)]
    assert spans["TQ"] == [(0.7, 1.25)]


def test_a_beat_without_t_wave_has_no_st_qt_or_tq():
    table = beats("II", *TWO)
    spans = e.spans_of(table[~((table.wave == "T") & (table.onset < 1))])
    assert spans["ST"] == [(1.35, 1.5)] and spans["TQ"] == []


def test_a_wave_without_its_onset_takes_part_in_nothing():
    table = beats("II", *TWO)
    table.loc[(table.wave == "P") & (table.onset < 1), "onset"] = np.nan
    assert e.spans_of(table)["PR"] == [(1.1, 1.25)]


def test_a_p_wave_that_no_qrs_follows_has_no_pr_interval():
    lone = pd.DataFrame(
        [("II", "P", 0.6, 0.7, 0.65)], columns=["lead", "wave", "onset", "offset", "peak"]
    )
    assert e.spans_of(pd.concat([beats("II", *TWO), lone]))["PR"] == [(0.1, 0.25), (1.1, 1.25)]


def test_the_mask_covers_the_expected_waves_in_the_expected_leads():
    table = pd.concat([beats(lead, *TWO) for lead in ("I", "II", "V1")])
    mask = e.expected_mask(e.expectations("CRBBB"), table, 200, RATE)
    inside = np.r_[25:35, 125:135]
    for lead in ("I", "V1"):
        assert np.flatnonzero(mask[:, LEADS.index(lead)]).tolist() == inside.tolist()
    assert not np.delete(mask, [LEADS.index("I"), LEADS.index("V1")], axis=1).any()


def test_what_lies_outside_the_first_and_last_mark_is_not_judged():
    mask = e.judged_mask(beats("II", *TWO), 300, RATE)
    assert np.flatnonzero(mask).tolist() == list(range(10, 170))


@pytest.mark.parametrize("empty", [beats("II"), beats("II").iloc[:0]])
def test_without_waves_nothing_is_judged_or_expected(empty):
    assert not e.judged_mask(empty, 100, RATE).any()
    assert not e.expected_mask(e.expectations("CRBBB"), empty, 100, RATE).any()
