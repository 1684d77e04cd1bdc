"""Builders of data sets in their publishers' layouts, units and lead order, from given records.

The waveforms of MIMIC-IV-ECG and of the CinC challenges cannot be had without an account or a long
download; these write theirs byte for byte as the publishers do, from records of any other set.
"""

import csv
from pathlib import Path

import numpy as np

from ecglens.datasets.mimic_iv_ecg import REPORTS
from ecglens.record import LEADS, Record

MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
MIMIC_UNITS = 200  # a millivolt
MEASUREMENTS = (
    "bandwidth", "filtering", "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end",
    "p_axis", "qrs_axis", "t_axis",
)  # fmt: skip


def write_csv(path: Path, columns, rows) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def checksum(counts: np.ndarray) -> int:
    """Return a lead's 16-bit sum as the WFDB tools write it: signed."""
    return int(np.int64(counts.sum(dtype=np.int64)).astype(np.int16))


# PTB-XL

PTB_XL_COLUMNS = (
    "ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", "filename_lr", "filename_hr",
)  # fmt: skip


def ptb_xl(folder: Path, rows, write_record) -> Path:
    """Write PTB-XL at 500 Hz: for each record number, patient, age, sex, codes, fold, record."""
    cells = []
    for number, patient, age, sex, codes, fold, record in rows:
        stem = f"00000/{number:05d}"
        write_record(folder / f"records500/{stem}_hr", np.rint(record.signal * 1000), rate=500)
        files = [f"records100/{stem}_lr", f"records500/{stem}_hr"]
        cells.append([number, f"{patient}.0", age, sex, str(codes), fold, *files])
    write_csv(folder / "ptbxl_database.csv", PTB_XL_COLUMNS, cells)
    statements = [["NORM", "normal ECG"], ["AFIB", "atrial fibrillation"]]
    write_csv(folder / "scp_statements.csv", ["", "description"], statements)
    return folder


# MIMIC-IV-ECG


def mimic(folder: Path, studies, *, patients=()) -> Path:
    """Write MIMIC-IV-ECG: for each study subject, number, time, statements and record.

    ``patients``: rows subject, gender, anchor age, anchor year of MIMIC-IV's patients.csv.
    """
    folder.mkdir(parents=True)
    records, measured = [], []
    for subject, study, time, statements, record in studies:
        path = f"files/p{str(subject)[:4]}/p{subject}/s{study}/{study}"
        mimic_record(folder / path, subject, record)
        records.append([subject, study, study, time, path])
        reports = [*statements, *[""] * (len(REPORTS) - len(statements))]
        numbers = ["0.005-150 Hz", "<not specified>", 659, 40, 128, 170, 258, 518, 81, 77, 75]
        measured.append([subject, study, 6848296, time, *reports, *numbers])
    write_csv(
        folder / "record_list.csv",
        ["subject_id", "study_id", "file_name", "ecg_time", "path"],
        records,
    )
    columns = ["subject_id", "study_id", "cart_id", "ecg_time", *REPORTS, *MEASUREMENTS]
    write_csv(folder / "machine_measurements.csv", columns, measured)
    if patients:
        columns = ["subject_id", "gender", "anchor_age", "anchor_year"]
        write_csv(folder / "patients.csv", columns, patients)
    return folder


def mimic_record(stem: Path, subject: int, record: Record) -> None:
    """Write a record as MIMIC-IV-ECG does: 200 units a millivolt, aVF before aVL."""
    order = [LEADS.index(lead) for lead in MIMIC_LEADS]
    counts = np.rint(record.signal[:, order] * MIMIC_UNITS).astype("<i2")
    stem.parent.mkdir(parents=True)
    stem.with_suffix(".dat").write_bytes(counts.tobytes())
    rate = round(record.sampling_frequency)
    lines = [f"{stem.name} 12 {rate} {len(counts)} 08:44:00 23/07/2180"]
    for lead, column in zip(MIMIC_LEADS, counts.T, strict=True):
        total = checksum(column) % 65536
        lines.append(f"{stem.name}.dat 16 200.0(0)/mV 16 0 {column[0]} {total} 0 {lead}")
    lines.append(f"# <subject_id>: {subject}")
    stem.with_suffix(".hea").write_text("\n".join(lines) + "\n")


# PhysioNet/CinC challenges 2020 and 2021


def cinc_record(
    folder: Path,
    set_: str,
    name: str,
    record: Record,
    *,
    dx="426783006",
    age="57",
    sex="Female",
    gain=1000,
    year=2021,
) -> Path:
    """Write a record as a challenge does: a MATLAB v4 matrix ``val`` and a header; give its path.

    The years differ in how they write the format, the gain and the comments.
    """
    stem = folder / "training" / set_ / "g1" / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    counts = np.rint(record.signal * gain).astype("<i2")
    rate, samples = round(record.sampling_frequency), len(counts)
    # Type 30 is int16, little-endian; a matrix of 12 rows; no imaginary part; 4 bytes of name.
    head = np.array([30, 12, samples, 0, 4], "<i4").tobytes() + b"val\0"
    stem.with_suffix(".mat").write_bytes(head + counts.tobytes())
    date, storage, field, mark = {
        2020: (" 05-Feb-2020 11:39:16", "16+24", f"{gain}/mV", "#"),
        2021: ("", "16x1+24", f"{gain:.1f}(0)/mV", "# "),
    }[year]
    lines = [f"{name} 12 {rate} {samples}{date}"]
    for lead, column in zip(LEADS, counts.T, strict=True):
        total = checksum(column)
        lines.append(f"{name}.mat {storage} {field} 16 0 {column[0]} {total} 0 {lead}")
    said = {"Age": age, "Sex": sex, "Dx": dx, "Rx": "Unknown", "Hx": "Unknown", "Sx": "Unknown"}
    lines += [f"{mark}{key}: {value}" for key, value in said.items() if value is not None]
    stem.with_suffix(".hea").write_text("\n".join(lines) + "\n")
    return stem


# LUDB

LUDB_COLUMNS = (
    "ID", "Sex", "Age", "Rhythms", "Electric axis of the heart", "Conduction abnormalities",
    "Extrasystolies", "Hypertrophies", "Cardiac pacing", "Ischemia",
    "Non-specific repolarization abnormalities", "Other states",
)  # fmt: skip


def ludb(folder: Path, rows) -> Path:
    """Write LUDB: for each record number, sex, age, a dictionary of statements by column, record.

    Cells end with a line break where LUDB's do, and hold several statements on lines of their own.
    Every lead has a P wave, a QRS complex and a T wave marked, all at the same times.
    """
    (folder / "data").mkdir(parents=True)
    cells = []
    for number, sex, age, statements, record in rows:
        said = [statements.get(column, "") for column in LUDB_COLUMNS[3:]]
        cells.append([number, f"{sex}\n", f"{age}\n", *said])
        ludb_record(folder / "data" / str(number), record)
    write_csv(folder / "ludb.csv", LUDB_COLUMNS, cells)
    return folder


def ludb_record(stem: Path, record: Record) -> None:
    """Write a record as LUDB does: lower-case leads, a gain and baseline of its own for each."""
    gains, baselines = 1000 + 37 * np.arange(12), np.arange(12) - 5
    counts = np.rint(record.signal * gains + baselines).astype("<i2")
    stem.with_suffix(".dat").write_bytes(counts.tobytes())
    lines = [f"{stem.name} 12 500 {len(counts)}"]
    for k, lead in enumerate(LEADS):
        field = f"{gains[k]}({baselines[k]})/mV"
        first, total = counts[0, k], checksum(counts[:, k])
        lines.append(f"{stem.name}.dat 16 {field} 0 0 {first} {total} 0 {lead.lower()}")
        annotate(stem, lead.lower(), "(p)(N)(t)", np.arange(100, 1000, 100))
    stem.with_suffix(".hea").write_text("\n".join([*lines, "#<age>: 51"]) + "\n")


def annotate(stem: Path, ending: str, symbols: str, samples) -> None:
    """Write annotations, one a symbol, with the wfdb package."""
    import wfdb

    # The package writes no ending with a digit, such as v1.
    wfdb.wrann(
        stem.name, "new", np.asarray(samples), list(symbols), fs=500, write_dir=str(stem.parent)
    )
    stem.with_suffix(".new").replace(stem.with_suffix(f".{ending}"))


# A folder of one's own


def plain(folder: Path, records, table: str, write_record) -> Path:
    """Write ``labels.csv`` and a WFDB record for each name."""
    for name, record in records.items():
        counts = np.rint(record.signal * 1000)
        write_record(folder / name, counts, rate=round(record.sampling_frequency))
    (folder / "labels.csv").write_text(table)
    return folder
