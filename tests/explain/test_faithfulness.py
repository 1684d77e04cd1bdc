"""Measures of a map against evidence, with values worked out by hand, and their identities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecglens.errors import RecordError
from ecglens.explain import faithfulness as f

SAMPLES = 6


def evidence_at(times, leads=range(12)):
    mask = np.zeros((1, SAMPLES, 12), bool)
    mask[0, np.ix_(list(times), list(leads))[0], np.array(list(leads))] = True
    return mask


def over_time(*values):
    return np.array(values, float)[None, :, None]


maps = arrays(np.float64, (3, SAMPLES, 12), elements=st.floats(-5, 5, width=32))
masks = arrays(np.bool_, (3, SAMPLES, 12))


def test_localisation_is_the_positive_share_inside():
    # 3 of 1 + 3 + 2 = 6 lie at sample 2; what is negative does not count.
    found = f.localisation(over_time(1, -9, 3, 0, 2, -1), evidence_at([1, 2]))
    assert found == pytest.approx([0.5])


def test_a_map_over_time_is_judged_against_the_moments_at_which_any_lead_shows():
    evidence = evidence_at([2], leads=[6])
    assert f.localisation(over_time(0, 0, 1, 1, 0, 0), evidence) == pytest.approx([0.5])
    assert f.evidence_share(over_time(*range(6)), evidence) == pytest.approx([1 / 6])


def test_a_map_over_time_and_leads_is_judged_in_both():
    values = np.zeros((1, SAMPLES, 12))
    values[0, 2, 6], values[0, 2, 7] = 3, 1  # the right moment, and once the wrong lead
    evidence = evidence_at([2], leads=[6])
    assert f.localisation(values, evidence) == pytest.approx([0.75])
    assert f.localisation(f.over_time(values), evidence) == pytest.approx([1])
    assert f.evidence_share(values, evidence) == pytest.approx([1 / 72])


def test_what_is_not_judged_counts_neither_for_nor_against():
    judged = np.array([[False, True, True, True, True, False]])
    values, evidence = over_time(9, 1, 3, 0, 0, 9), evidence_at([0, 2])
    assert f.localisation(values, evidence, judged) == pytest.approx([0.75])
    assert f.pointing_game(values, evidence, judged) == pytest.approx([1])
    assert f.rank_accuracy(values, evidence, judged) == pytest.approx([1])
    assert f.evidence_share(values, evidence, judged) == pytest.approx([0.25])


def test_the_pointing_game_asks_for_the_greatest_value():
    assert f.pointing_game(over_time(0, 1, 3, 2, 0, 0), evidence_at([2])) == [1]
    assert f.pointing_game(over_time(0, 1, 3, 2, 0, 0), evidence_at([1, 3])) == [0]


def test_of_places_that_share_the_greatest_value_the_share_inside_counts():
    assert f.pointing_game(over_time(4, 4, 4, 0, 0, 4), evidence_at([0])) == [0.25]


def test_rank_accuracy_is_the_share_of_the_k_greatest_inside():
    # Evidence of 3 places, the 3 greatest are at 0, 2 and 4.
    assert f.rank_accuracy(over_time(9, 0, 8, 1, 7, 2), evidence_at([0, 2, 5])) == [
        pytest.approx(2 / 3)
    ]


def test_rank_accuracy_expects_a_fair_draw_among_equal_values():
    # One of 2 places is sure, the other is drawn from five zeros, one of which is inside.
    found = f.rank_accuracy(over_time(5, 0, 0, 0, 0, 0), evidence_at([0, 3]))
    assert found == pytest.approx([(1 + 1 / 5) / 2])


@pytest.mark.parametrize("measure", [f.localisation, f.pointing_game, f.rank_accuracy])
@pytest.mark.parametrize("level", [0, -1])
def test_a_map_that_points_nowhere_scores_nought(measure, level):
    assert measure(np.full((1, SAMPLES, 1), level), evidence_at([0, 1])) == [0]


@settings(max_examples=25)
@given(maps, masks)
def test_scores_are_shares_and_do_not_change_with_the_scale(values, evidence):
    for measure in (f.localisation, f.pointing_game, f.rank_accuracy):
        found = measure(values, evidence)
        assert ((found >= 0) & (found <= 1)).all()
        np.testing.assert_allclose(measure(4 * values, evidence), found, atol=1e-12)


@settings(max_examples=25)
@given(maps, masks)
def test_evidence_and_its_complement_share_the_positive_part(values, evidence):
    both = f.localisation(values, evidence) + f.localisation(values, ~evidence)
    positive = (values > 0).any(axis=(1, 2))
    np.testing.assert_allclose(both, positive.astype(float), atol=1e-9)


@settings(max_examples=25)
@given(masks)
def test_a_uniform_map_scores_the_evidences_share_of_the_area(evidence):
    uniform = np.ones((3, SAMPLES, 12))
    share = f.evidence_share(uniform, evidence)
    np.testing.assert_allclose(f.localisation(uniform, evidence), share, atol=1e-12)
    np.testing.assert_allclose(f.pointing_game(uniform, evidence), share, atol=1e-12)
    np.testing.assert_allclose(f.rank_accuracy(uniform, evidence), share, atol=1e-12)


@settings(max_examples=25)
@given(masks)
def test_the_evidence_itself_as_a_map_scores_one(evidence):
    there = evidence.any(axis=(1, 2)).astype(float)
    for measure in (f.localisation, f.pointing_game, f.rank_accuracy):
        np.testing.assert_allclose(measure(evidence.astype(float), evidence), there)


def test_the_completeness_error_is_what_is_missing_from_the_sum():
    values = np.full((2, SAMPLES, 12), 0.25)  # sums to 18
    found = f.completeness_error(values, np.array([1.0, 1.0]), np.array([19.0, 18.5]))
    assert found == pytest.approx([0, 0.5])


def test_infidelity_is_the_mean_squared_difference():
    assert f.infidelity(np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]])) == pytest.approx([4.5])


def test_a_map_in_proportion_to_the_drops_has_a_faithfulness_correlation_of_one():
    drops = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
    shares = np.stack([3 * drops[0], -drops[0], np.ones(3)])
    assert f.faithfulness_correlation(shares, drops) == pytest.approx([1, -1, 0])


@settings(max_examples=25)
@given(maps)
def test_a_map_correlates_fully_with_its_multiple_and_with_its_ranks(values):
    clear = np.round(values, 3)
    varies = (np.ptp(clear.reshape(3, -1), axis=1) > 0).astype(float)
    np.testing.assert_allclose(f.correlation(clear, 2 * clear + 1), varies, atol=1e-6)
    np.testing.assert_allclose(f.rank_correlation(clear, clear**3), varies, atol=1e-6)


def test_the_relative_change_is_measured_by_the_first_map():
    first, second = over_time(3, 4, 0, 0, 0, 0), over_time(3, 4, 0, 0, 0, 10)
    assert f.relative_change(first, second) == pytest.approx([2])
    assert f.relative_change(0 * first, 0 * first) == [0]
    assert f.relative_change(0 * first, first) == [np.inf]


@pytest.mark.parametrize(
    ("values", "evidence", "found"),
    [
        (np.zeros((1, SAMPLES, 3)), np.zeros((1, SAMPLES, 12), bool), "(1, 6, 3)"),
        (np.zeros((SAMPLES, 12)), np.zeros((1, SAMPLES, 12), bool), "(6, 12)"),
        (np.zeros((1, SAMPLES, 12)), np.zeros((1, 5, 12), bool), "(1, 5, 12)"),
        (np.full((1, SAMPLES, 12), np.nan), np.zeros((1, SAMPLES, 12), bool), "NaN"),
    ],
)
def test_shapes_that_do_not_belong_together_and_nan_are_refused(values, evidence, found):
    with pytest.raises(RecordError) as caught:
        f.localisation(values, evidence)
    assert found in caught.value.found
