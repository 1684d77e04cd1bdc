"""A folder of your own: 12-lead records, and ``labels.csv`` with a row for each.

======================  ============================================================================
column                  content
======================  ============================================================================
``file``                the record's path in the folder; of a WFDB record without extension
``patient_id``          whose it is: all records of a patient fall into one split
``codes``               codes separated by ``;``, matched whole with the ``scp`` codes of
                        labels.yaml, where your own can be added; ``none`` for a record with none
``record_id``           optional: a name or number for the record; ``file`` where left out
``age``, ``sex``        optional: years; male or female, M or F
``fold``                optional: 1-8 train, 9 validation, 10 test; by a hash of the patient where
                        left out
======================  ============================================================================
"""

from pathlib import Path

import pandas as pd

from ecglens.datasets.folders import link_folder, require_layout
from ecglens.datasets.tables import ages, distinct, finish, read_table, sexes, whole_numbers
from ecglens.errors import DatasetError

VOCABULARY = "scp"
LABELS = "labels.csv"
NO_CODE = "none"
_COLUMNS = ("file", "patient_id", "codes")
_MEND = f"Name the folder that holds {LABELS} (plain-folder.folder)."


def fetch(source: Path, folder: Path) -> int:
    """Bring the whole of a folder into the house, as links; see :func:`link_folder`."""
    layout = f"{LABELS} with the columns {', '.join(_COLUMNS)}"
    require_layout(source, [LABELS], layout, _MEND)
    return link_folder(source, folder, lambda path: True, _MEND)


def manifest(folder: Path) -> pd.DataFrame:
    """Return one row a record; see :func:`ecglens.datasets.tables.finish`.

    Parameters
    ----------
    folder : Path
        With ``labels.csv``, described above.

    Raises
    ------
    DatasetError
        If the table or a column is missing, a value means nothing, a record has an empty cell for
        its codes or patient, comes twice, or a patient is in two splits.
    """
    path = folder / LABELS
    text = dict.fromkeys(("file", "patient_id", "codes", "record_id", "sex"), "str")
    table = read_table(path, _COLUMNS, dtype=text)
    records = table.get("record_id", table.file)
    rows = pd.DataFrame(
        {
            "record_id": records,
            "patient_id": table.patient_id.str.strip().replace("", None),
            "age": ages(_optional(table, "age"), path, records),
            "sex": sexes(_optional(table, "sex"), path, records),
            "codes": _codes(table.codes, records, path),
            "file": table.file,
        }
    )
    if "fold" in table:
        rows["fold"] = whole_numbers(table, "fold", path)
    return finish(rows, path)


def _optional(table: pd.DataFrame, column: str) -> pd.Series:
    return table[column] if column in table else pd.Series("", table.index, name=column)


def _codes(column: pd.Series, records: pd.Series, path: Path) -> list[list[str]]:
    """Return each record's codes; an empty cell is refused, for it may as well be a gap."""
    codes = [distinct(cell.split(";")) for cell in column.fillna("")]
    for found, record in zip(codes, records, strict=True):
        if not found:
            mend = f"Write '{NO_CODE}' for a record that carries none of the labels."
            raise DatasetError(path, f"no codes for record {record}", "codes separated by ;", mend)
        if NO_CODE in map(str.lower, found) and len(found) > 1:
            raise DatasetError(
                path, f"{';'.join(found)} for record {record}", f"codes or {NO_CODE}"
            )
    return [[] if found[0].lower() == NO_CODE else found for found in codes]
