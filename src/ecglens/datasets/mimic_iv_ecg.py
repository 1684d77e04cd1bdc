"""MIMIC-IV-ECG in the layout that PhysioNet publishes.

Gow et al. 2023, MIMIC-IV-ECG: Diagnostic Electrocardiogram Matched Subset 1.0, doi
10.13026/4nqg-sb35: 800,035 records of 161,352 patients, 10 s at 500 Hz, 200 units a millivolt,
leads I II III aVR aVF aVL V1-V6 (aVF before aVL; the reader goes by name). The codes are the
statements that the electrocardiograph printed, ``report_0`` to ``report_17``, as written.

Age and sex are no part of it. They come from MIMIC-IV's ``hosp/patients.csv.gz`` where that file
was put beside ``record_list.csv``.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.datasets.folders import link_folder, require_layout
from ecglens.datasets.tables import (
    OVER_89,
    ages,
    finish,
    read_table,
    sexes,
    texts_of_rows,
    whole_numbers,
)
from ecglens.errors import DatasetError

VOCABULARY = "mimic"
RECORDS, MEASUREMENTS = "record_list.csv", "machine_measurements.csv"
PATIENTS = ("patients.csv", "patients.csv.gz")
REPORTS = tuple(f"report_{n}" for n in range(18))
_KEY = ["subject_id", "study_id"]
_MEND = f"Name the folder that holds {RECORDS} (mimic-iv-ecg.folder)."


def fetch(source: Path, folder: Path) -> int:
    """Bring a published MIMIC-IV-ECG folder into the house, as links; see :func:`link_folder`."""
    needed = (RECORDS, MEASUREMENTS, "files/")
    require_layout(source, needed, f"{RECORDS}, {MEASUREMENTS} and files/", _MEND)

    def belongs(path: Path) -> bool:
        if path.parts[0] == "files":
            return path.suffix in (".hea", ".dat")
        return str(path) in (RECORDS, MEASUREMENTS, *PATIENTS)

    return link_folder(source, folder, belongs, _MEND)


def manifest(folder: Path) -> pd.DataFrame:
    """Return one row a record; see :func:`ecglens.datasets.tables.finish`.

    Parameters
    ----------
    folder : Path
        With ``record_list.csv``, ``machine_measurements.csv`` and perhaps ``patients.csv``.

    Returns
    -------
    DataFrame
        ``record_id`` is the study's number, ``patient_id`` the subject's, ``fold`` follows from the
        patient (:func:`ecglens.datasets.splitting.fold_of`), ``codes`` are the statements.

    Raises
    ------
    DatasetError
        If a table or column is missing, a number is none, a study is listed twice, or a record has
        no statements of its own: without them it would pass for normal.
    """
    path = folder / RECORDS
    table = read_table(path, [*_KEY, "ecg_time", "path"])
    subjects = whole_numbers(table, "subject_id", path)
    age, sex = _ages_and_sexes(folder, table, subjects)
    rows = pd.DataFrame(
        {
            "record_id": whole_numbers(table, "study_id", path),
            "patient_id": subjects,
            "age": age,
            "sex": sex,
            "file": table["path"],
        }
    )
    rows = finish(rows.assign(codes=None), path)
    rows["codes"] = _statements(folder / MEASUREMENTS, rows)
    return rows


def _statements(path: Path, rows: pd.DataFrame) -> list[list[str]]:
    """Return the statements of each row's study, in the machine's order."""
    # Few statements differ, so categories hold each once instead of once a record.
    table = read_table(path, [*_KEY, *REPORTS], dtype=dict.fromkeys(REPORTS, "category"))
    keys = [whole_numbers(table, key, path) for key in _KEY]
    twice = keys[1][keys[1].duplicated()]
    if len(twice):
        raise DatasetError(path, f"study {twice.iloc[0]} more than once", "one row a study")
    place = pd.MultiIndex.from_arrays(keys).get_indexer(
        pd.MultiIndex.from_frame(rows[["patient_id", "record_id"]])
    )
    if (place < 0).any():
        first = rows.record_id[place < 0].iloc[0]
        found = f"no row for {(place < 0).sum()} records, the first of them study {first}"
        raise DatasetError(path, found, f"one row for each study of {RECORDS}")
    return texts_of_rows([table[report].take(place) for report in REPORTS])


def _ages_and_sexes(folder: Path, table: pd.DataFrame, subjects: pd.Series) -> tuple:
    """Return age (years) at each record and sex, from MIMIC-IV's table of patients if it is there.

    MIMIC-IV shifts each patient's dates: the age in a year is the anchor's, plus the years between.
    """
    path = next((folder / name for name in PATIENTS if (folder / name).is_file()), None)
    if path is None:
        return np.nan, None
    patients = read_table(path, ["subject_id", "gender", "anchor_age", "anchor_year"])
    patients.index = whole_numbers(patients, "subject_id", path)
    if patients.index.has_duplicates:
        twice = patients.index[patients.index.duplicated()][0]
        raise DatasetError(path, f"subject {twice} more than once", "one row a subject")
    years = pd.to_datetime(table.ecg_time, errors="coerce").dt.year
    if years.isna().any():
        found = f"ecg_time {table.ecg_time[years.isna()].iloc[0]!r}"
        raise DatasetError(folder / RECORDS, found, "such as 2180-07-23 08:44:00")
    birth = ages(patients.anchor_age, path) - whole_numbers(patients, "anchor_year", path)
    age = (subjects.map(birth) + years).clip(upper=OVER_89)
    return age, subjects.map(sexes(patients.gender, path))
