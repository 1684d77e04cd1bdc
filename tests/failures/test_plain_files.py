"""Bad CSV, WFDB, NPY and NPZ files: each a clear error without the patient in it."""

import re

import numpy as np
import pytest
import writers
from bad_files import COUNTS, GIVEN, refused

from ecglens.record import LEADS

# CSV


def csv(folder, text):
    path = folder / "a.csv"
    path.write_text(text)
    return path


HEADER = ",".join(f"{lead} [mV]" for lead in LEADS)
ROW = ",".join(["0.125"] * 12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";").replace(".", ",") + "\n",
         "a cell in line 2 that is no number.*Write decimals with a point"),
        (HEADER + "\n" + ROW.replace(".", ",") + "\n",
         "found 24 values in line 2; expected 12.*Write decimals with a point"),
        (HEADER + "\n" + ",".join(['"0,125"'] * 12) + "\n", "a cell in line 2 that is no number"),
        (HEADER.replace(",", "\t") + "\n" + ROW.replace(",", "\t").replace(".", ",") + "\n",
         "a cell in line 2 that is no number"),
        (HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";").replace("0.125", "1.250.000")
         + "\n", "a cell in line 2 that is no number"),
    ],
)  # fmt: skip
def test_commas_for_decimals_and_separators_of_thousands(tmp_path, text, found):
    refused(csv(tmp_path, text), found, sampling_frequency=500)


@pytest.mark.parametrize(
    "cell",
    ["1_000", "infinity", "-inf", "1e999", "٣", "0x10", "1,5", "--1", "1-2", "eEe", "NA", "?"],
)
def test_cells_that_only_look_like_numbers(tmp_path, cell):
    text = HEADER.replace(",", ";") + "\n" + ";".join([cell, *["0"] * 11]) + "\n"
    refused(
        csv(tmp_path, text), "a cell in line 2 that is no number|inf mV", sampling_frequency=500
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{ROW}\n{ROW}\n", "names that are no lead's in the header, column 1, 2, 3"),
        (f",{HEADER}\n0,{ROW}\n", "names that are no lead's in the header, column 1;"),
        (f"{HEADER},age\n{ROW},57\n", "column 13;.*Write no row numbers and no other columns"),
        (f"{HEADER},I [mV]\n{ROW},0.1\n", "lead I more than once"),
        (HEADER.replace("V6", "V5") + f"\n{ROW}\n", "lead V5 more than once"),
        ("I [mV],II [mV]\n0,0\n", "found 2 columns in its first line"),
        (f"{HEADER}\n", "no row below the header"),
        ("\n", "found 0 columns"),
        (f"{HEADER}\n{ROW}\n\n{ROW}\n", "found 0 values in line 3; expected 12"),
        (f"{HEADER}\n{ROW},1\n", "found 13 values in line 2; expected 12"),
        (f"{HEADER}\n{ROW}\n{ROW}", "a last line without an end"),
        (f"{HEADER}\n{ROW}\n{ROW[:-2]}", "a last line without an end"),
        (f'{HEADER}\n"{ROW}\n', "line 2"),
        (f"{HEADER}\n{ROW[:-1]}\0\n", "a cell in line 2 that is no number"),
        (HEADER.replace("mV", "kV") + f"\n{ROW}\n", "the unit 'kV'"),
        (HEADER.replace(" [mV]", "") + f"\n{ROW}\n", "found no units of lead I.*It is not guessed"),
        (HEADER.replace("V6 [mV]", "V6") + f"\n{ROW}\n", "found no units of lead V6"),
        (HEADER + "\n" + ROW.replace("0.125", "4000") + "\n", r"a peak of 4000\.0 mV"),
    ],
)  # fmt: skip
def test_a_csv_file_of_another_layout(tmp_path, text, found):
    refused(csv(tmp_path, text), found, sampling_frequency=500)


def test_a_csv_file_without_a_rate_and_one_that_says_another(tmp_path):
    refused(csv(tmp_path, f"{HEADER}\n{ROW}\n"), "found no rate; expected the rate in the file or")
    path = writers.write_csv(tmp_path / "b.csv", COUNTS, rate=500)
    refused(path, r"found the rate 500\.0; expected 250, as given", sampling_frequency=250)
    refused(path, "found the units of lead I uV; expected mV, as given", units="mV")
    refused(path, "found the leads I II .*; expected V6 V5", leads=LEADS[::-1])


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ("0 0.002 0.004 0.008 0.010", "uneven steps"),  # a row is missing
        ("0 0.002 0.002 0.004 0.006", "uneven steps"),  # a row stands twice
        ("0 0.004 0.002 0.006 0.008", "uneven steps"),
        ("0 0 0 0 0", "uneven steps"),
        ("4 3 2 1 0", "uneven steps"),
        ("0 0.002 nan 0.006 0.008", "uneven steps"),
        ("0", "uneven steps"),
    ],
)
def test_a_time_column_that_gives_no_rate(tmp_path, times, found):
    rows = "".join(f"{time},{ROW}\n" for time in times.split())
    refused(csv(tmp_path, f"time [s],{HEADER}\n{rows}"), f"found {found} in the time column")


@pytest.mark.parametrize("name", ["time", "time [min]", "time [samples]", "Time []"])
def test_a_time_column_without_a_known_unit(tmp_path, name):
    rows = "".join(f"{time},{ROW}\n" for time in range(5))
    refused(csv(tmp_path, f"{name},{HEADER}\n{rows}"), "a time column of another or no unit")


def test_a_header_in_place_of_which_the_patient_stands_is_not_quoted(tmp_path):
    text = f"{writers.PATIENT['last']};{writers.PATIENT['id']};" + ";".join("x" * 11) + "\n0\n"
    refused(csv(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_csv_file_in_another_encoding(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\n{ROW}\n", encoding=encoding)
    refused(path, "bytes that are not text; expected a CSV file in UTF-8")


# WFDB


def wfdb_header(write_record, folder):
    """Write a sound record and return its header, with a comment that names the patient."""
    header = write_record(folder / "a", COUNTS)
    who = f"{writers.PATIENT['last']} {writers.PATIENT['first']}, {writers.PATIENT['id']}"
    header.write_text(header.read_text() + f"# Name: {who}\n")
    return header


def test_leads_of_one_file_in_two_storage_formats(tmp_path, write_record):
    header = wfdb_header(write_record, tmp_path)
    lines = header.read_text().splitlines()
    lines[5] = lines[5].replace(" 16 ", " 212 ", 1)
    header.write_text("\n".join(lines))
    refused(header, "lead aVL in another format than the lead before in its file; expected one")


@pytest.mark.parametrize("lost", ["\n# ", "\n# Na", " 0 V6\n# Name: ", "V6\n# Name:", " 16 0 "])
def test_a_comment_that_damage_made_part_of_a_line_is_not_quoted(tmp_path, write_record, lost):
    header = wfdb_header(write_record, tmp_path)
    before, found, after = header.read_text().rpartition(lost)
    assert found
    header.write_text(before + after)
    refused(header)


def test_a_header_of_which_only_the_patient_is_left_is_not_quoted(tmp_path, write_record):
    header = wfdb_header(write_record, tmp_path)
    header.write_text("a 12 " + header.read_text().rpartition("# Name: ")[2])
    refused(header, "the record line 'a 12 … …")


# NPY and NPZ


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (COUNTS.T, r"of shape \(12, 200\); expected .* \(samples, 12\)\. Transpose it"),
        (COUNTS[:, :8], r"of shape \(200, 8\)"),
        (COUNTS[0], r"of shape \(12,\)"),
        (COUNTS[None], r"of shape \(1, 200, 12\)"),
        (COUNTS.astype(str), "an array of <U"),
        (COUNTS > 0, "an array of bool"),
        (COUNTS + 0j, "an array of complex"),
        (COUNTS.astype("M8[s]"), "an array of datetime64"),
        (np.where(COUNTS == 0, np.inf, COUNTS), "a peak of inf mV"),
        (COUNTS * 10**6, "a peak of"),
    ],
)
def test_an_array_that_is_no_ecg(tmp_path, array, found):
    np.save(tmp_path / "a.npy", array)
    refused(tmp_path / "a.npy", found, **GIVEN)


@pytest.mark.parametrize("missing", GIVEN)
def test_an_array_of_which_something_is_not_said(tmp_path, missing):
    np.save(tmp_path / "a.npy", COUNTS)
    given = {key: value for key, value in GIVEN.items() if key != missing}
    word = {"sampling_frequency": "rate"}.get(missing, missing)
    refused(tmp_path / "a.npy", f"found no {word}; expected the {word} in the file or", **given)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"units": "mmHg"}, "the unit 'mmHg'"),
        ({"units": np.array(["uV", "mV"])}, "units of <U2 and shape"),
        ({"units": 5}, "units of int64"),
        ({"leads": list(LEADS[:11])}, "leads of <U3"),
        ({"leads": ["I"] * 12}, "lead I more than once"),
        ({"leads": np.arange(12)}, "leads of int64"),
        ({"sampling_frequency": 0}, "a rate of 0"),
        ({"sampling_frequency": -500}, "a rate of -500"),
        ({"sampling_frequency": np.nan}, "a rate of nan"),
        ({"sampling_frequency": "500"}, "sampling_frequency of <U3"),
        ({"sampling_frequency": [500, 500]}, "sampling_frequency of int64"),
    ],
)
def test_an_npz_file_that_says_something_wrong(tmp_path, change, found):
    said = {"signal": COUNTS, "units": "uV", "leads": list(LEADS), "sampling_frequency": 500}
    np.savez(tmp_path / "a.npz", **said | change)
    refused(tmp_path / "a.npz", re.escape(found))


def test_an_npz_file_that_says_otherwise_than_is_given(tmp_path):
    path = writers.write_npz(tmp_path / "a.npz", COUNTS)
    refused(path, "found the units uV; expected mV, as given", units="mV")
    refused(path, r"found the rate 500\.0; expected 100", sampling_frequency=100)
    refused(path, "found the leads I II III .*; expected V6 V5", leads=LEADS[::-1])
