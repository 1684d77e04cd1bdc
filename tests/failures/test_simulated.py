"""What the simulated data set refuses, with the nearest that it knows."""

import pytest

from ecglens.datasets import simulated
from ecglens.errors import DatasetError, ParameterError


@pytest.mark.parametrize(("records", "seed"), [(0, 1), (-3, 1), (5, -1)])
def test_a_number_out_of_range_is_refused(tmp_path, records, seed):
    with pytest.raises(ParameterError, match="or more"):
        simulated.fetch(tmp_path / "set", records=records, seed=seed)
    assert not (tmp_path / "set").exists()


def test_an_unknown_breadth_of_labels_is_refused(tmp_path):
    with pytest.raises(ParameterError, match='Did you mean "starter"'):
        simulated.fetch(tmp_path / "set", records=5, seed=1, labels="started")
    assert not (tmp_path / "set").exists()


def test_missing_evidence_is_an_error_that_says_where_it_comes_from(tmp_path):
    with pytest.raises(DatasetError, match="Only the simulated data set has one"):
        simulated.read_evidence(tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [("a,b\n1,2\n", "columns"), ("ecg_id,scp_code,start_s,end_s,leads\n1,AFIB,0,1,II V9\n", "V9")],
)
def test_evidence_with_other_columns_or_unknown_leads_is_refused(tmp_path, text, found):
    (tmp_path / "evidence.csv").write_text(text)
    with pytest.raises(DatasetError, match=found):
        simulated.read_evidence(tmp_path)
