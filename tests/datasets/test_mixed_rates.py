"""Sets whose records differ in rate and length: refused, or brought to one by two parameters."""

import numpy as np
import pytest
import scipy.signal
from published import cinc_record

from ecglens.datasets import cinc
from ecglens.errors import RecordError
from ecglens.preparation import prepare
from ecglens.record import Record
from ecglens.store import open_store


def long_record(rate, seconds, seed=0):
    """Return a record of smoothed noise, in mV."""
    noise = np.random.default_rng(seed).normal(size=(round(rate * seconds), 12))
    smooth = scipy.signal.sosfiltfilt(scipy.signal.butter(4, 30, fs=rate, output="sos"), noise, 0)
    return Record(smooth.astype(np.float32), rate, "x")


@pytest.fixture
def build(tmp_path):
    """Return a function that writes records of CinC's sets and prepares them."""

    def build(records, **options):
        for number, record in enumerate(records):
            cinc_record(tmp_path, "georgia", f"E{number}", record)
        table = cinc.manifest(tmp_path)
        files = zip(table.record_id, table.file, strict=True)
        settings = {"sampling_frequency": 500, "seconds": 10.0, **options}
        rejected = prepare(tmp_path, files, tmp_path / "signals", **settings)
        return open_store(tmp_path / "signals"), rejected

    return build


def test_records_of_three_rates_and_lengths_become_one_array(build):
    records = [long_record(500, 10), long_record(1000, 38.4, 1), long_record(257, 60, 2)]
    store, rejected = build(records, other_rates="resample", other_lengths="cut")
    assert store.counts.shape == (3, 5000, 12) and not len(rejected)
    for row, record in enumerate(records):
        expected = record.resampled(500).signal[:5000]
        # The microvolts of the file, and those of the array.
        assert np.abs(store.millivolts(np.array([row]))[0] - expected).max() < 0.0021


def test_a_cut_record_is_the_start_of_the_whole_one_to_the_last_bit(build):
    record = long_record(257, 30)
    store, _ = build([record], other_rates="resample", other_lengths="cut")
    whole, _ = build([record], other_rates="resample", seconds=30.0)
    assert np.array_equal(store.counts[0], whole.counts[0, :5000])


@pytest.mark.parametrize(
    ("rate", "seconds", "options", "message"),
    [
        (1000, 10, {}, "1000 Hz; expected 500 Hz.*other_rates=resample"),
        (1000, 10, {"other_lengths": "cut"}, "1000 Hz; expected 500 Hz"),
        (500, 12, {}, "6000 samples; expected 5000.*other_lengths=cut"),
        (500, 12, {"other_rates": "resample"}, "6000 samples; expected 5000"),
        (500, 8, {"other_lengths": "cut"}, r"4000 samples; expected 5000 \(prepare.seconds\)\.$"),
        (257, 9.99, {"other_rates": "resample", "other_lengths": "cut"}, "expected 5000"),
    ],
)
def test_what_no_parameter_allows_is_refused(build, rate, seconds, options, message):
    with pytest.raises(RecordError, match=message):
        build([long_record(rate, seconds)], **options)


def test_what_is_refused_can_be_skipped_and_is_listed(build):
    store, rejected = build([long_record(500, 10), long_record(500, 5)], unreadable="skip")
    assert store.record_ids.tolist() == ["E0"] and rejected.record_id.tolist() == ["E1"]
