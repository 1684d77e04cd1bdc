"""The PDF of cases: a list, a page each, truth, outcome and flags on it."""

import numpy as np
import pytest

from ecglens.errors import ParameterError
from ecglens.plots.cases import Case, draw_case, write_cases
from ecglens.record import Record


@pytest.fixture
def a_case():
    """Return a function that makes a case of noise; 1 s, so that pages are small."""
    signal = np.random.default_rng(0).normal(0, 0.2, (100, 12)).astype(np.float32)

    def make(probability=0.8, truth=True, **changes):
        record = Record(signal, 100, "00017_lr")
        attribution = np.full((100, 1), 0.01)
        return Case(record, "MI", attribution, probability, 0.5, 0.2, 1.2, truth, **changes)

    return make


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize(
    ("probability", "truth", "outcome"),
    [
        (0.8, True, "truth: present; outcome: found"),
        (0.2, True, "truth: present; outcome: missed"),
        (0.5, False, "truth: absent; outcome: false alarm"),
        (0.2, False, "truth: absent; outcome: rightly not given"),
        (0.8, None, "truth: not known; outcome: given, truth not known"),
        (0.2, None, "truth: not known; outcome: not given, truth not known"),
    ],
)
def test_a_page_says_truth_and_outcome(a_case, probability, truth, outcome):
    said = words(draw_case(a_case(probability, truth, flags=())))
    assert outcome in said
    assert any(f"probability {probability:.2f}" in text for text in said)
    assert "attribution +1.00 + bias +0.20 = logit +1.20" in said
    assert "quality: no flag" in said


def test_flags_are_those_of_the_record_and_many_are_counted(a_case):
    case = a_case()
    case.record.signal[:, 4] = 0.0
    assert "quality: lead aVL is flat" in words(draw_case(case))
    said = words(draw_case(a_case(flags=tuple(f"flag {k}" for k in range(7)))))
    assert "quality: flag 3" in said and "quality: flag 4" not in said
    assert "quality: and 3 more flags" in said


def test_the_file_has_a_list_and_a_page_a_case_and_is_the_same_twice(a_case, tmp_path):
    for name in ("one.pdf", "two.pdf"):
        write_cases(tmp_path / name, [a_case(), a_case(0.2), a_case(0.9, None)], title="$Cases$")
    one, two = ((tmp_path / name).read_bytes() for name in ("one.pdf", "two.pdf"))
    assert one == two
    assert b"/Count 4" in one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.pdf", "two.pdf"]


def test_a_case_that_cannot_be_drawn_leaves_no_file(a_case, tmp_path):
    broken = a_case()
    broken.attribution[3] = np.nan
    with pytest.raises(Exception, match="NaN or infinite"):
        write_cases(tmp_path / "cases.pdf", [a_case(), broken])
    assert list(tmp_path.iterdir()) == []


def test_no_case_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="at least one case"):
        write_cases(tmp_path / "cases.pdf", [])
