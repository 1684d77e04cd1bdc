"""PTB-XL in the layout that PhysioNet publishes, and any data set in the same layout.

Wagner et al. 2020, Scientific Data 7:154, doi 10.1038/s41597-020-0495-6.
"""

import ast
import os
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ecglens.datasets.folders import link, refuse_overlap
from ecglens.datasets.tables import finish, numbers, read_table, whole_numbers
from ecglens.errors import DatasetError
from ecglens.files import whole_folder

VOCABULARY = "scp"
DATABASE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
TABLES = (DATABASE, STATEMENTS)
RATES = {100: ("records100", "filename_lr"), 500: ("records500", "filename_hr")}  # Hz
_COLUMNS = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold")
_OVER_89 = 300  # PTB-XL writes this age for patients over 89


def fetch(source: Path, folder: Path) -> int:
    """Bring a published PTB-XL folder into the house, as hard links where the disk allows it.

    Parameters
    ----------
    source : Path
        A folder with ``ptbxl_database.csv``, ``scp_statements.csv`` and ``records100`` or
        ``records500``.
    folder : Path
        Where the same layout is to stand; whole or not at all.

    Returns
    -------
    int
        Files brought.

    Raises
    ------
    DatasetError
        If ``source`` is missing, empty or in another layout.
    """
    _check_layout(source)
    refuse_overlap(source, folder)
    files = 0
    with whole_folder(folder) as part:
        for table in TABLES:
            link(source / table, part / table)
        for records, _ in RATES.values():
            folders = sorted((source / records).glob("*/"))
            for inner in tqdm(folders, f"fetch {records}", unit="folder"):
                (part / records / inner.name).mkdir(parents=True)
                for file in os.scandir(inner):
                    if file.name.endswith((".hea", ".dat")):
                        link(Path(file.path), part / records / inner.name / file.name)
                        files += 1
    return files + len(TABLES)


def _check_layout(source: Path) -> None:
    layout = f"{DATABASE}, {STATEMENTS} and {' or '.join(r for r, _ in RATES.values())}"
    mend = "Download and unzip PTB-XL, and name the folder that holds these (ptb_xl.folder)."
    if not source.is_dir():
        raise DatasetError(source, "no such folder", f"a folder with {layout}", mend)
    missing = [table for table in TABLES if not (source / table).is_file()]
    if missing:
        raise DatasetError(source, f"no {', '.join(missing)}", layout, mend)
    if not any(next((source / r).glob("*/*.hea"), None) for r, _ in RATES.values()):
        raise DatasetError(source, "no record (*.hea)", layout, mend)


def manifest(folder: Path) -> pd.DataFrame:
    """Return one row a record.

    Parameters
    ----------
    folder : Path
        A data set in PTB-XL's layout.

    Returns
    -------
    DataFrame
        ``record_id``, ``patient_id`` (int), ``fold`` (1-10), ``split``, ``age`` (years, 90 for
        over 89), ``sex`` ("male", "female"), ``codes`` (list of SCP codes), ``likelihoods`` (of
        each code in percent, 0 where unknown), and ``file_100``, ``file_500``: the record's path in
        the folder, without extension.

    Raises
    ------
    DatasetError
        If a table or column is missing, a value means nothing, a code is not in
        ``scp_statements.csv``, a record is listed twice, or a patient is in two splits.
    """
    path = folder / DATABASE
    table = read_table(path, [*_COLUMNS, *(column for _, column in RATES.values())])
    _check_values(table, path)
    known = set(read_table(folder / STATEMENTS, []).iloc[:, 0])
    codes = [
        _codes(text, path, ecg) for text, ecg in zip(table.scp_codes, table.ecg_id, strict=True)
    ]
    unknown = sorted(set().union(*codes) - known)
    if unknown:
        raise DatasetError(
            path, f"SCP codes {', '.join(unknown)}", f"codes that {STATEMENTS} lists"
        )
    rows = pd.DataFrame(
        {
            "record_id": whole_numbers(table, "ecg_id", path),
            "patient_id": whole_numbers(table, "patient_id", path),
            "fold": table.strat_fold.astype("int64"),
            "age": table.age.where(table.age != _OVER_89, 90.0),
            "sex": table.sex.map({0: "male", 1: "female"}),
            "codes": [list(likelihoods) for likelihoods in codes],
            "likelihoods": [list(likelihoods.values()) for likelihoods in codes],
        }
    )
    for rate, (_, column) in RATES.items():
        rows[f"file_{rate}"] = table[column]
    return finish(rows, path)


def _check_values(table: pd.DataFrame, path: Path) -> None:
    """Refuse a value that means nothing in its column; the first five are named."""
    number = {c: numbers(table[c]) for c in ("ecg_id", "patient_id", "age")}
    checks = [
        ("ecg_id", number["ecg_id"] % 1 == 0, "a whole number for each record"),
        ("patient_id", number["patient_id"] % 1 == 0, "a whole number for each record"),
        ("strat_fold", table.strat_fold.isin(range(1, 11)), "1-10"),
        ("sex", table.sex.isin((0, 1)), "0 or 1"),
        ("age", number["age"].notna() | table.age.isna(), "years, or nothing"),
    ]
    for column, right, expected in checks:
        if not right.all():
            wrong = table[column][~right].unique()[:5]
            raise DatasetError(path, f"{column} {', '.join(map(str, wrong))}", expected)


def _codes(text: str, path: Path, ecg: int) -> dict[str, float]:
    """Return the likelihood of each code of a cell such as "{'NORM': 100.0, 'SR': 0.0}"."""
    try:
        codes = ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        codes = None
    if not isinstance(codes, dict) or not all(map(_is_percent, codes.values())):
        raise DatasetError(
            path, f"scp_codes {text!r} of ecg_id {ecg}", "a dictionary of code: likelihood, 0-100"
        )
    return {str(code): float(likelihood) for code, likelihood in codes.items()}


def _is_percent(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= 100
