"""The prepared arrays hold what the files hold, in microvolts, in the manifest's order."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import wfdb as reference
from sound_heart import heart

from ecglens.errors import DatasetError
from ecglens.preparation import prepare
from ecglens.quality import known_rules
from ecglens.record import LEADS, MISSING
from ecglens.store import open_store

RATE, SECONDS, SAMPLES = 100, 10.0, 1000


def counts_of(number, samples=SAMPLES):
    return np.random.default_rng(number).integers(-5000, 5000, (samples, 12)).astype("<i2")


@pytest.fixture
def source(tmp_path, write_record):
    """Three records of noise."""
    for number in (1, 2, 3):
        write_record(tmp_path / "raw" / f"{number:05d}_lr", counts_of(number))
    return tmp_path / "raw"


def prepared(source, folder, names, **options):
    settings = {"sampling_frequency": RATE, "seconds": SECONDS, **options}
    rejected = prepare(source, names, folder, **settings)
    return open_store(folder), rejected


FILES = [(3, "00003_lr"), (1, "00001_lr"), (2, "00002_lr")]


def test_records_stand_in_the_order_in_which_they_were_named(source, tmp_path):
    store, rejected = prepared(source, tmp_path / "signals", FILES)
    assert store.record_ids.tolist() == [3, 1, 2] and not len(rejected)
    assert store.counts.dtype == np.int16 and store.counts.shape == (3, SAMPLES, 12)
    for row, record_id in enumerate(store.record_ids):
        assert np.array_equal(store.counts[row], counts_of(record_id))


def test_millivolts_are_float32_in_the_rows_asked_for(source, tmp_path):
    store, _ = prepared(source, tmp_path / "signals", FILES)
    millivolts = store.millivolts(np.array([2, 0]))
    assert millivolts.dtype == np.float32
    expected = np.stack([counts_of(2), counts_of(3)]) / 1000
    assert np.array_equal(millivolts, expected.astype(np.float32))


def test_signals_are_read_from_the_disk_as_they_are_needed(source, tmp_path):
    store, _ = prepared(source, tmp_path / "signals", FILES)
    assert isinstance(store.counts, np.memmap) and store.samples == SAMPLES


def test_the_index_says_what_the_numbers_are(source, tmp_path):
    store, _ = prepared(source, tmp_path / "signals", FILES)
    index = json.loads((tmp_path / "signals" / "index.json").read_text())
    expected = hashlib.sha256(b"".join(counts_of(n).tobytes() for n in (3, 1, 2))).hexdigest()
    assert index == {
        "sampling_frequency": RATE, "units": "uV", "leads": list(LEADS), "sha256": expected,
        "record_ids": "int64", "quality": {},
    }  # fmt: skip
    assert store.sha256 == expected


def test_the_same_records_give_the_same_bytes(source, tmp_path):
    for name in ("a", "b"):
        prepared(source, tmp_path / name, FILES)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_leads_in_another_order_and_unit_give_the_same_array(source, tmp_path, write_record):
    order = np.random.default_rng(0).permutation(12)
    counts = counts_of(1)[:, order]
    names = [LEADS[i].lower() for i in order]
    write_record(tmp_path / "other" / "1", counts, leads=names, gain="1(0)/uV")
    other, _ = prepared(tmp_path / "other", tmp_path / "b", [(1, "1")])
    store, _ = prepared(source, tmp_path / "a", [(1, "00001_lr")])
    assert np.array_equal(store.counts, other.counts) and store.sha256 == other.sha256


def test_missing_samples_and_flat_leads_are_kept_and_noted(tmp_path, write_record):
    counts = counts_of(1)
    counts[:20, 1] = MISSING
    counts[:, 6] = 70
    write_record(tmp_path / "raw" / "1", counts)
    store, _ = prepared(tmp_path / "raw", tmp_path / "signals", [(1, "1")])
    assert np.array_equal(store.counts[0], counts)
    assert np.isnan(store.millivolts(np.array([0]))[0, :20, 1]).all()
    noted = pd.read_csv(tmp_path / "signals" / "records.csv")
    assert noted.record_id.tolist() == [1]
    assert {"missing:II=0.02", "flat:V1=0"} <= set(noted.quality_flags[0].split())


def test_a_new_run_replaces_the_old_arrays(source, tmp_path):
    prepared(source, tmp_path / "signals", FILES)
    store, _ = prepared(source, tmp_path / "signals", FILES[:1])
    assert store.record_ids.tolist() == [3] and len(store.counts) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "signals"]


@pytest.mark.parametrize("rate", [100, 500])
def test_simulated_records_are_stored_as_the_wfdb_package_reads_them(simulated_set, tmp_path, rate):
    suffix = {100: "lr", 500: "hr"}[rate]
    files = [(n, f"records{rate}/00000/{n:05d}_{suffix}") for n in range(1, 6)]
    store, _ = prepared(simulated_set, tmp_path / "signals", files, sampling_frequency=rate)
    for row, (_, name) in enumerate(files):
        expected = reference.rdrecord(str(simulated_set / name)).p_signal
        assert np.array_equal(store.millivolts(np.array([row]))[0], expected.astype(np.float32))


def test_real_records_are_stored_as_the_wfdb_package_reads_them(ptb_xl, tmp_path):
    headers = sorted((ptb_xl / "records100" / "21000").glob("*.hea"))[:20]
    files = [(int(h.name[:5]), f"records100/21000/{h.stem}") for h in headers]
    store, rejected = prepared(ptb_xl, tmp_path / "signals", files)
    assert len(store.counts) == 20 and not len(rejected)
    for row, (record_id, name) in enumerate(files):
        expected = reference.rdrecord(str(ptb_xl / name), physical=False).d_signal
        assert store.record_ids[row] == record_id
        assert np.array_equal(store.counts[row], expected)


# Quality


@pytest.fixture
def doubtful(tmp_path, write_record):
    """Two sound records and, between them, one whose lead V1 is flat."""
    for number in (1, 2, 3):
        counts = np.rint(heart(100) * 1000)
        counts[:, 6] = 70 if number == 2 else counts[:, 6]
        write_record(tmp_path / "raw" / str(number), counts)
    return tmp_path / "raw"


def judged(source, tmp_path, **rules):
    files = [(n, str(n)) for n in (1, 2, 3)]
    store, rejected = prepared(source, tmp_path / "signals", files, quality=known_rules(rules))
    return store, rejected, pd.read_csv(tmp_path / "signals/records.csv", keep_default_na=False)


@pytest.mark.parametrize("rules", [{}, {"unusable": "keep"}, {"warning": "drop"}])
def test_kept_records_are_stored_as_they_are_with_what_was_found(doubtful, tmp_path, rules):
    store, rejected, noted = judged(doubtful, tmp_path, **rules)
    assert noted.severity.tolist() == ["", "unusable", ""]
    assert noted.policy.tolist() == ["keep"] * 3 and not len(rejected)
    assert (store.counts[1, :, 6] == 70).all() and not store.abstained.any()
    assert store.quality == rules


def test_a_masked_lead_is_missing_in_the_arrays_and_the_others_are_not(doubtful, tmp_path):
    store, _, noted = judged(doubtful, tmp_path, flat="mask_lead")
    assert noted.policy.tolist() == ["keep", "mask_lead", "keep"]
    assert noted.quality_flags[1] == "flat:V1=0"
    missing = store.counts == MISSING
    assert missing[1, :, 6].all() and missing.sum() == SAMPLES


def test_a_dropped_record_is_not_in_the_arrays_and_listed_with_its_reason(doubtful, tmp_path):
    store, rejected, noted = judged(doubtful, tmp_path, unusable="drop")
    assert store.record_ids.tolist() == noted.record_id.tolist() == [1, 3]
    assert store.counts.shape == (2, SAMPLES, 12)
    assert rejected.record_id.tolist() == [2]
    assert rejected.error[0] == "dropped for its quality: lead V1 is flat (prepare.quality)"
    data = (tmp_path / "signals" / "signals.npy").read_bytes()[-store.counts.nbytes :]
    assert hashlib.sha256(data).hexdigest() == store.sha256


def test_an_abstained_record_is_in_the_arrays_and_marked(doubtful, tmp_path):
    store, rejected, _ = judged(doubtful, tmp_path, unusable="abstain")
    assert store.abstained.tolist() == [False, True, False] and not len(rejected)
    assert (store.counts[1, :, 6] == 70).all()


def test_if_quality_leaves_no_record_that_is_an_error_with_the_first_reason(doubtful, tmp_path):
    with pytest.raises(DatasetError, match=r"no usable record.*lead V1 is flat"):
        prepared(
            doubtful, tmp_path / "signals", [(2, "2")], quality=known_rules({"unusable": "drop"})
        )
    assert not (tmp_path / "signals").exists()


def test_quality_is_judged_alike_in_one_batch_and_in_many(doubtful, tmp_path, monkeypatch):
    whole = judged(doubtful, tmp_path / "a", unusable="drop")
    monkeypatch.setattr("ecglens.preparation.SHARD", 1)
    parts = judged(doubtful, tmp_path / "b", unusable="drop")
    assert whole[0].sha256 == parts[0].sha256 and whole[2].equals(parts[2])
