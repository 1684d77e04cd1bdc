"""LUDB, the Lobachevsky University Database, as PhysioNet publishes it.

200 records of 200 people, 10 s at 500 Hz, in which cardiologists marked the onset, peak and end of
every P wave, QRS complex and T wave in every lead. Kalyakulina et al. 2020, IEEE Access 8:186181,
doi 10.1109/ACCESS.2020.3029211. The codes are the statements of ``ludb.csv``, as written.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ecglens.datasets.folders import link_folder, require_layout
from ecglens.datasets.tables import ages, distinct, finish, read_table, sexes, whole_numbers
from ecglens.errors import RecordError
from ecglens.record import LEADS

VOCABULARY = "mimic"  # statements in English
DATABASE, DATA = "ludb.csv", "data"
SAMPLING_FREQUENCY = 500  # Hz
STATEMENTS = (
    "Rhythms",
    "Electric axis of the heart",
    "Conduction abnormalities",
    "Extrasystolies",
    "Hypertrophies",
    "Cardiac pacing",
    "Ischemia",
    "Non-specific repolarization abnormalities",
    "Other states",
)
WAVES = {"p": "P", "N": "QRS", "t": "T"}  # an annotation's symbol at the peak
_OVER_89 = ">89"
_ENDINGS = {".hea", ".dat", *(f".{lead.lower()}" for lead in LEADS)}
_MEND = f"Name the folder that holds {DATABASE} and {DATA}/ (ludb.folder)."
# Onset, peak, end. Some onsets or ends are not marked; some onsets stand just after the peak; in
# record 116 two waves were marked several times over, which here is one wave.
_WAVE = re.compile(r"(?P<onset>\(*)(?P<peak>N+|p+|t+)(?P<late>(?:\((?=\)))?)(?P<end>\)*)")


def fetch(source: Path, folder: Path) -> int:
    """Bring a published LUDB folder into the house, as links; see :func:`link_folder`."""
    layout = f"{DATABASE} and {DATA}/1.hea to 200.hea"
    require_layout(source, (DATABASE, f"{DATA}/"), layout, _MEND)

    def belongs(path: Path) -> bool:
        in_data = path.parts[0] == DATA and len(path.parts) == 2 and path.suffix in _ENDINGS
        return str(path) == DATABASE or in_data

    return link_folder(source, folder, belongs, _MEND)


def manifest(folder: Path) -> pd.DataFrame:
    """Return one row a record; see :func:`ecglens.datasets.tables.finish`.

    Parameters
    ----------
    folder : Path
        With ``ludb.csv`` and ``data/``.

    Returns
    -------
    DataFrame
        ``record_id`` and ``patient_id`` are LUDB's ID, for nobody has two records; ``codes``
        are the statements of all of its columns.

    Raises
    ------
    DatasetError
        If the table or a column is missing, or a value means nothing.
    """
    path = folder / DATABASE
    table = read_table(path, ["ID", "Sex", "Age", *STATEMENTS], dtype="str")
    numbers = whole_numbers(table, "ID", path)
    age = table.Age.str.strip().replace(_OVER_89, "90")  # cells end with a line break
    statements = table[list(STATEMENTS)].fillna("")
    rows = pd.DataFrame(
        {
            "record_id": numbers,
            "patient_id": numbers,
            "age": ages(age, path, numbers),
            "sex": sexes(table.Sex, path, numbers),
            "codes": [distinct("\n".join(cells).split("\n")) for cells in statements.to_numpy()],
            "file": DATA + "/" + numbers.astype("str"),
        }
    )
    return finish(rows, path)


def delineation(folder: Path, record_id: int) -> pd.DataFrame:
    """Return where each wave of a record begins, peaks and ends, as the cardiologists marked it.

    Parameters
    ----------
    folder : Path
        With ``data/``.
    record_id : int

    Returns
    -------
    DataFrame
        One row a wave and lead: ``lead`` (of :data:`ecglens.record.LEADS`), ``wave`` ("P", "QRS" or
        "T"), and ``onset``, ``peak``, ``offset`` in s from the record's start, NaN where the onset
        or end is not marked. A few onsets are marked up to 4 ms after the peak.

    Raises
    ------
    RecordError
        If a lead's annotations are missing or cannot be read.
    """
    stem = folder / DATA / str(record_id)
    rows = []
    for lead in LEADS:
        symbols, samples = _annotations(stem, lead.lower())
        for wave in _WAVE.finditer(symbols):
            onset = _sample(samples, wave, "onset", 0)
            rows.append(
                {
                    "lead": lead,
                    "wave": WAVES[wave["peak"][0]],
                    "onset": onset if onset == onset else _sample(samples, wave, "late", 0),
                    "peak": _sample(samples, wave, "peak", len(wave["peak"]) // 2),
                    "offset": _sample(samples, wave, "end", -1),
                }
            )
    table = pd.DataFrame(rows, columns=["lead", "wave", "onset", "peak", "offset"])
    times = ["onset", "peak", "offset"]
    return table.assign(**(table[times].astype("float64") / SAMPLING_FREQUENCY))


def _annotations(stem: Path, ending: str) -> tuple[str, np.ndarray]:
    """Return the symbols of a lead's annotations as one string, and their samples."""
    import wfdb as package  # here, because it imports much that the manifest can do without

    path = stem.with_name(f"{stem.name}.{ending}")
    if not path.is_file():
        raise RecordError(path, "no such file", f"the waves of lead {ending}", "Fetch it again.")
    try:
        annotations = package.rdann(str(stem), ending)
    # The package raises whatever its parsing runs into; each is this file's fault.
    except Exception as error:
        found = f"annotations that cannot be read ({type(error).__name__}: {error})"
        raise RecordError(path, found, "WFDB annotations", "Fetch it again.") from error
    # The package gives NaN for a code that it has no symbol for.
    strange = sorted({str(symbol) for symbol in annotations.symbol} - {"(", ")", *WAVES})
    if strange:
        raise RecordError(path, f"the marks {' '.join(strange)}", f"( ) {' '.join(WAVES)}")
    samples = np.asarray(annotations.sample)
    if len(samples) and (samples[0] < 0 or (np.diff(samples) < 0).any()):
        raise RecordError(path, "marks out of order", "marks in the order of time")
    return "".join(annotations.symbol), samples


def _sample(samples: np.ndarray, wave: re.Match, part: str, which: int) -> float:
    """Return the sample of one mark of a wave's part; NaN where the part is not marked."""
    marks = samples[slice(*wave.span(part))]
    return float(marks[which]) if len(marks) else np.nan
