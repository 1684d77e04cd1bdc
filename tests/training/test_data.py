"""What a fit reads: records with their truth, all alike often, the same for one seed and step."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecglens.training.data import balancing_weights, ordered_batches, training_batches


def take(batches, count):
    return list(batches.take(count).as_numpy_iterator())


def truths_by_signal(learnable):
    rows = learnable.train.rows
    counts = learnable.store.counts[rows]
    return {c.tobytes(): t for c, t in zip(counts, learnable.train.truth, strict=True)}


def test_ordered_batches_hold_all_records_once_in_order(learnable):
    store, train = learnable.store, learnable.train
    read = list(ordered_batches(store, train, 20).as_numpy_iterator())
    assert [len(counts) for counts, _ in read] == [20, 20, 20, 20, 16]
    counts, truth = (np.concatenate(part) for part in zip(*read, strict=True))
    np.testing.assert_array_equal(counts, store.counts[train.rows])
    np.testing.assert_array_equal(truth, train.truth)


def test_each_round_of_training_batches_holds_all_records_in_another_order(learnable):
    store, train = learnable.store, learnable.train
    read = take(training_batches(store, train, 16, seed=5), 12)
    rounds = [np.concatenate([c for c, _ in read[k : k + 6]]) for k in (0, 6)]
    assert not np.array_equal(*rounds)
    wanted = sorted(c.tobytes() for c in store.counts[train.rows])
    assert all(sorted(c.tobytes() for c in one) == wanted for one in rounds)


def test_batches_are_full_where_the_records_do_not_divide_and_all_come_equally_often(learnable):
    store, train = learnable.store, learnable.train  # 96 records, 12 batches of 40: 5 rounds
    read = take(training_batches(store, train, 40, seed=5), 12)
    assert {counts.shape for counts, _ in read} == {(40, 200, 12)}
    seen = [c.tobytes() for counts, _ in read for c in counts]
    assert {seen.count(one) for one in truths_by_signal(learnable)} == {5}


def test_a_record_keeps_its_truth_when_it_is_shuffled(learnable):
    truth_of = truths_by_signal(learnable)
    for counts, truths in take(training_batches(learnable.store, learnable.train, 16, seed=2), 12):
        for count, truth in zip(counts, truths, strict=True):
            np.testing.assert_array_equal(truth, truth_of[count.tobytes()])


@pytest.mark.parametrize("options", [{}, {"crop": 50}, {"balance": "sampling"}])
def test_a_fit_that_goes_on_sees_the_batches_that_it_would_have_seen(learnable, options):
    store, train = learnable.store, learnable.train
    whole = take(training_batches(store, train, 20, seed=3, **options), 12)
    later = take(training_batches(store, train, 20, seed=3, first_step=7, **options), 5)
    for (a, b), (c, d) in zip(whole[7:], later, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    other = take(training_batches(store, train, 20, seed=4, **options), 1)
    assert not np.array_equal(whole[0][0], other[0][0])


def test_crops_are_stretches_of_their_records_that_start_anywhere(learnable):
    store, train = learnable.store, learnable.train
    whole = take(training_batches(store, train, 96, seed=3), 1)[0]
    cut = take(training_batches(store, train, 96, seed=3, crop=150), 1)[0]
    assert cut[0].shape == (96, 150, 12)
    np.testing.assert_array_equal(cut[1], whole[1])  # the same records in the same order
    starts = [
        next(k for k in range(51) if np.array_equal(record[k : k + 150], crop))
        for record, crop in zip(whole[0], cut[0], strict=True)
    ]
    assert min(starts) <= 5 and max(starts) >= 45 and len(set(starts)) > 20


def test_balancing_weights_of_a_case_small_enough_to_work_out():
    truth = np.array([[1, 0]] * 4 + [[0, 0]] * 4 + [[1, 1]], np.float32)
    # Frequencies: first 5/9, second 1/9, none 4/9; a record's weight is that of its rarest.
    raw = np.array([(9 / 5) ** 0.5] * 4 + [(9 / 4) ** 0.5] * 4 + [3.0])
    np.testing.assert_allclose(balancing_weights(truth), raw / raw.sum())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 99))
def test_balancing_weights_are_chances_and_never_nought(records, labels, seed):
    truth = (np.random.default_rng(seed).random((records, labels)) < 0.2).astype(np.float32)
    weights = balancing_weights(truth)
    assert weights.shape == (records,) and (weights > 0).all()
    assert weights.sum() == pytest.approx(1)


def test_balanced_batches_hold_more_of_the_rare_label(learnable):
    truth = np.zeros((96, 2), np.float32)
    truth[:3, 0] = 1
    train = replace(learnable.train, truth=truth)
    read = take(training_batches(learnable.store, train, 96, seed=1, balance="sampling"), 20)
    share = np.mean([truth[:, 0].mean() for _, truth in read])
    expected = balancing_weights(truth)[:3].sum()
    assert expected > 3 * 3 / 96
    assert share == pytest.approx(expected, abs=0.04)


def test_balancing_weights_take_what_is_not_asked_for_absent():
    truth = np.array([[1, np.nan], [0, np.nan], [0, 1], [0, 0]], np.float32)
    known = balancing_weights(np.nan_to_num(truth))
    np.testing.assert_array_equal(balancing_weights(truth), known)
