"""The sets of the PhysioNet/Computing in Cardiology challenges 2020 and 2021, as published.

``training/SET/g1/NAME.hea`` with a MATLAB v4 signal file beside it; age, sex and SNOMED CT codes
are comments in the header. Perez Alday et al. 2020, Physiol. Meas. 41:124003, doi
10.1088/1361-6579/abc960; Reyna et al. 2021, doi 10.23919/CinC53138.2021.9662687.

The sets are CPSC (cpsc_2018, cpsc_2018_extra), Georgia (georgia), Chapman-Shaoxing
(chapman_shaoxing), Ningbo (ningbo), PTB (ptb), PTB-XL (ptb-xl) and St Petersburg
(st_petersburg_incart). PTB is at 1000 Hz, St Petersburg at 257 and half an hour long, the others
are at 500 Hz and mostly 10 s long. Mixed, a rate or a length could give a label away:
see ``prepare.other_rates`` and ``prepare.other_lengths``.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ecglens.datasets.folders import link_folder, require_layout
from ecglens.datasets.tables import ages, distinct, finish, sexes
from ecglens.errors import DatasetError, ParameterError, did_you_mean
from ecglens.formats import wfdb

VOCABULARY = "snomed"
TRAINING = "training"
# Several records of a patient, and no word of whose: taken as one patient each, so that no patient
# can be in two splits. The other sets have one record a patient, or do not say otherwise.
PATIENTS_NOT_TOLD_APART = ("ptb", "ptb-xl", "st_petersburg_incart")
_SENTINELS = {"-1": "", "300": "90"}  # ages that CPSC does not know; PTB-XL's for over 89
_MEND = f"Name the folder that holds {TRAINING}/ (cinc.folder)."


def fetch(source: Path, folder: Path, *, sets: Sequence[str] = ()) -> int:
    """Bring sets of a challenge into the house, as links; see :func:`link_folder`.

    Parameters
    ----------
    source : Path
        The folder that holds ``training/``.
    folder : Path
        Where the same layout is to stand; whole or not at all.
    sets : sequence of str
        The folders in ``training/`` to bring; all where empty.

    Returns
    -------
    int
        Files brought.

    Raises
    ------
    DatasetError
        If ``source`` is missing or in another layout.
    ParameterError
        If there is no set of a name.
    """
    known = [path.name for path in _set_folders(source)]
    for name in sets:
        if name not in known:
            raise ParameterError("cinc.sets", repr(name), "a set", did_you_mean(name, known))
    wanted = set(sets or known)

    def belongs(path: Path) -> bool:
        inside = len(path.parts) > 2 and path.parts[0] == TRAINING and path.parts[1] in wanted
        return inside and path.suffix in (".hea", ".mat")

    return link_folder(source, folder, belongs, _MEND)


def _set_folders(source: Path) -> list[Path]:
    layout = f"{TRAINING}/SET/g1/NAME.hea"
    require_layout(source, [f"{TRAINING}/"], layout, _MEND)
    folders = sorted(path for path in (source / TRAINING).iterdir() if path.is_dir())
    if not folders:
        raise DatasetError(source / TRAINING, "no set", layout, _MEND)
    return folders


def manifest(folder: Path) -> pd.DataFrame:
    """Return one row a record; see :func:`ecglens.datasets.tables.finish`.

    Parameters
    ----------
    folder : Path
        With ``training/``.

    Returns
    -------
    DataFrame
        ``record_id`` is the record's name, ``codes`` are SNOMED CT codes, ``set`` is its set. The
        headers name no patient: each record counts as one, but all of PTB, of PTB-XL and of St
        Petersburg, of which patients have several, count as one patient and fall into one split.
        (PTB-XL's own data set knows its patients.)

    Raises
    ------
    DatasetError
        If there is no record, a name comes twice, or a header has no codes, or an age, sex or code
        that means nothing.
    """
    headers = [path for set_ in _set_folders(folder) for path in sorted(set_.rglob("*.hea"))]
    rows = [_row(path, folder) for path in tqdm(headers, "read headers", unit="record")]
    if not rows:
        raise DatasetError(folder, "no record (*.hea)", f"{TRAINING}/SET/g1/NAME.hea", _MEND)
    table = pd.DataFrame(rows)
    table["age"] = ages(table.age.replace(_SENTINELS), folder, table.file)
    table["sex"] = sexes(table.sex, folder, table.file)
    return finish(table, folder)


def _row(header: Path, folder: Path) -> dict[str, object]:
    """Return a record's row from the comments of its header; age and sex as written."""
    path = header.relative_to(folder).with_suffix("")
    name, set_ = path.name, path.parts[1]
    comments = wfdb.comments(header)
    return {
        "record_id": name,
        "patient_id": set_ if set_ in PATIENTS_NOT_TOLD_APART else name,
        "age": comments.get("age", ""),
        "sex": comments.get("sex", ""),
        "codes": _codes(comments.get("dx", ""), header),
        "file": path.as_posix(),
        "set": set_,
    }


def _codes(text: str, header: Path) -> list[str]:
    codes = distinct(text.split(","))  # 631 headers of 2020 name a code twice
    if not codes:
        # All records of both challenges have a diagnosis: without one, a record would pass for
        # free of every label.
        raise DatasetError(
            header, "no diagnosis (# Dx)", "SNOMED CT codes, such as '# Dx: 426783006'"
        )
    strange = [code for code in codes if not code.isdecimal()]
    if strange:
        raise DatasetError(header, f"the diagnosis {strange[0]!r}", "SNOMED CT codes: digits")
    return codes
