"""LUDB: every wave where the cardiologists marked it, and the table with its line breaks."""

import numpy as np
import pandas as pd
import pytest
from published import annotate, ludb

from ecglens.datasets.ludb import delineation, fetch, manifest
from ecglens.formats import wfdb
from ecglens.record import LEADS

STATEMENTS = {
    "Rhythms": "Atrial fibrillation\nAberrant conduction",
    "Electric axis of the heart": "Electric axis of the heart: normal",
    "Other states": "Early repolarization syndrome",
}


@pytest.fixture
def folder(tmp_path, recordings):
    rows = [(1, "F", 51, STATEMENTS, recordings[0]), (14, "M", ">89", {}, recordings[1])]
    return ludb(tmp_path / "published", rows)


def test_the_manifest_has_a_row_a_record(folder):
    table = manifest(folder)
    assert table.record_id.tolist() == table.patient_id.tolist() == [1, 14]
    assert table.file.tolist() == ["data/1", "data/14"]
    assert table.age.tolist() == [51, 90] and table.sex.tolist() == ["female", "male"]


def test_a_cells_lines_are_statements_of_their_own(folder):
    assert manifest(folder).codes.tolist() == [
        ["Atrial fibrillation", "Aberrant conduction", "Electric axis of the heart: normal",
         "Early repolarization syndrome"],
        [],
    ]  # fmt: skip


def test_signals_come_by_name_gain_and_baseline_of_each_lead(folder, recordings):
    record = wfdb.read(folder / "data" / "1")
    assert np.abs(record.signal - recordings[0].signal).max() <= 0.51 / 1000  # mV


def test_fetch_brings_signals_and_annotations(folder, tmp_path):
    (folder / "README").write_text("about")
    assert fetch(folder, tmp_path / "raw") == 1 + 2 * (2 + 12)
    assert delineation(tmp_path / "raw", 1).equals(delineation(folder, 1))


# Delineation


def marked(folder, symbols, samples):
    """Return the waves of lead V1 of record 1 after it was marked anew."""
    annotate(folder / "data" / "1", "v1", symbols, samples)
    table = delineation(folder, 1)
    waves = table[table.lead == "V1"].drop(columns="lead")
    return [tuple(None if x != x else x for x in row) for row in waves.itertuples(index=False)]


def test_a_wave_has_onset_peak_and_offset_in_seconds_in_each_lead(folder):
    table = delineation(folder, 1)
    assert table.columns.tolist() == ["lead", "wave", "onset", "peak", "offset"]
    assert table.lead.tolist() == [lead for lead in LEADS for _ in range(3)]
    assert table.wave[:3].tolist() == ["P", "QRS", "T"]
    assert table.loc[1, ["onset", "peak", "offset"]].tolist() == [0.8, 1.0, 1.2]


@pytest.mark.parametrize(
    ("symbols", "waves"),
    [
        ("N)(t)", [("QRS", None, 0.2, 0.4), ("T", 0.6, 0.8, 1.0)]),  # no onset
        ("(t(N)", [("T", 0.2, 0.4, None), ("QRS", 0.6, 0.8, 1.0)]),  # no offset
        ("(N", [("QRS", 0.2, 0.4, None)]),
        ("N", [("QRS", None, 0.2, None)]),
        ("N()(t)", [("QRS", 0.4, 0.2, 0.6), ("T", 0.8, 1.0, 1.2)]),  # an onset after the peak
        ("()(N)", [("QRS", 0.6, 0.8, 1.0)]),  # no peak: no wave
        ("((ttt))(p)", [("T", 0.2, 0.8, 1.4), ("P", 1.6, 1.8, 2.0)]),  # marked three times
        ("(p)(N)", [("P", 0.2, 0.4, 0.6), ("QRS", 0.8, 1.0, 1.2)]),
    ],
)
def test_waves_with_marks_missing_or_doubled_are_read_as_they_stand(folder, symbols, waves):
    assert marked(folder, symbols, 100 * np.arange(1, len(symbols) + 1)) == waves


# The real set


@pytest.fixture(scope="module")
def real(ludb_folder):
    return manifest(ludb_folder)


def test_ludb_has_200_people_as_published(real):
    # Kalyakulina et al. 2020: 85 women and 115 men, 11 to 90 years old, 52 on average.
    assert len(real) == 200 and real.patient_id.is_unique
    assert real.sex.value_counts().to_dict() == {"male": 115, "female": 85}
    assert (real.age.min(), real.age.max(), round(real.age.mean())) == (11, 90, 52)


@pytest.mark.parametrize(
    ("statement", "records"),
    [
        ("Sinus rhythm", 143), ("Atrial fibrillation", 15), ("Sinus bradycardia", 25),
        ("Complete left bundle branch block", 4), ("Left anterior hemiblock", 16),
        ("Left ventricular hypertrophy", 108), ("I degree av block", 10),
    ],
)  # fmt: skip
def test_ludbs_statements_are_as_many_as_published(real, statement, records):
    assert sum(statement in codes for codes in real.codes) == records


@pytest.mark.parametrize("record_id", [1, 8, 116])
def test_ludbs_waves_lie_on_its_signals(ludb_folder, record_id):
    record = wfdb.read(ludb_folder / "data" / str(record_id))
    table = delineation(ludb_folder, record_id)
    assert set(table.lead) == set(LEADS) and table.peak.between(0, record.duration).all()
    whole = table.dropna()
    assert len(whole) > 0.9 * len(table) and (whole.onset < whole.offset).all()
    slope = np.abs(np.gradient(record.signal, axis=0)) * record.sampling_frequency  # mV/s
    inside = np.zeros(record.signal.shape, bool)
    for wave in whole[whole.wave == "QRS"].itertuples():
        first, last = (round(t * record.sampling_frequency) for t in (wave.onset, wave.offset))
        inside[first:last, LEADS.index(wave.lead)] = True
    assert slope[inside].mean() > 4 * slope[~inside].mean()


@pytest.mark.slow
def test_ludb_has_as_many_waves_as_its_marks(ludb_folder, real):
    # Published: 16,797 P, 21,966 QRS, 19,666 T. The files hold marks of 16,797, 21,965 and 19,661
    # peaks, of which eight of T are in record 116 beside others of the same wave.
    table = pd.concat([delineation(ludb_folder, number) for number in real.record_id])
    assert table.wave.value_counts().to_dict() == {"QRS": 21965, "T": 19653, "P": 16797}
    assert (table.onset < table.offset)[table[["onset", "offset"]].notna().all(axis=1)].all()
    assert (table.onset - table.peak).max() <= 0.0041  # s
    assert (table.offset.dropna() >= table.peak[table.offset.notna()]).all()
