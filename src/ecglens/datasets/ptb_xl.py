"""PTB-XL in the layout that PhysioNet publishes, and any data set in the same layout.

Wagner et al. 2020, Scientific Data 7:154, doi 10.1038/s41597-020-0495-6.
"""

import ast
from pathlib import Path

import pandas as pd

from ecglens.datasets.folders import link_folder, require_layout
from ecglens.datasets.tables import OVER_89, ages, finish, read_table, whole_numbers
from ecglens.errors import DatasetError

VOCABULARY = "scp"
DATABASE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
TABLES = (DATABASE, STATEMENTS)
RATES = {100: ("records100", "filename_lr"), 500: ("records500", "filename_hr")}  # Hz
_COLUMNS = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold")
_MEND = "Download and unzip PTB-XL, and name the folder that holds these (ptb-xl.folder)."
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

    def belongs(path: Path) -> bool:
        in_records = len(path.parts) == 3 and path.parts[0] in dict(RATES.values())
        return str(path) in TABLES or (in_records and path.suffix in (".hea", ".dat"))

    return link_folder(source, folder, belongs, _MEND)


def _check_layout(source: Path) -> None:
    layout = f"{DATABASE}, {STATEMENTS} and {' or '.join(r for r, _ in RATES.values())}"
    require_layout(source, TABLES, layout, _MEND)
    if not any(next((source / r).glob("*/*.hea"), None) for r, _ in RATES.values()):
        raise DatasetError(source, "no record (*.hea)", layout, _MEND)


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
    checks = (("strat_fold", range(1, 11), "1-10"), ("sex", (0, 1), "0 or 1"))
    for column, known, expected in checks:
        strange = table[column][~table[column].isin(known)].unique()[:5]
        if len(strange):
            raise DatasetError(path, f"{column} {', '.join(map(str, strange))}", expected)
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
            "age": ages(table.age.replace(_OVER_89, OVER_89), path, table.ecg_id),
            "sex": table.sex.map({0: "male", 1: "female"}),
            "codes": [list(likelihoods) for likelihoods in codes],
            "likelihoods": [list(likelihoods.values()) for likelihoods in codes],
        }
    )
    for rate, (_, column) in RATES.items():
        rows[f"file_{rate}"] = table[column]
    return finish(rows, path)


def _codes(text: str, path: Path, ecg: int) -> dict[str, float]:
    """Return the likelihood of each code of a cell such as "{'NORM': 100.0, 'SR': 0.0}"."""
    try:
        codes = ast.literal_eval(str(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the last two: brackets on end
        codes = None
    if not isinstance(codes, dict) or not all(map(_is_percent, codes.values())):
        found = f"scp_codes {str(text)[:80]!r} of ecg_id {ecg}"
        raise DatasetError(path, found, "a dictionary of code: likelihood, 0-100")
    return {str(code): float(likelihood) for code, likelihood in codes.items()}


def _is_percent(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 100
