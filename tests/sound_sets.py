"""Three records of every data set in its publisher's layout, for tests of bad ones."""

import numpy as np
from published import cinc_record, ludb, mimic, plain, ptb_xl

from ecglens.record import Record

SETS = ("ptb-xl", "mimic-iv-ecg", "cinc", "ludb", "plain-folder")
TABLE = {
    "ptb-xl": "ptbxl_database.csv",
    "mimic-iv-ecg": "record_list.csv", "ludb": "ludb.csv", "plain-folder": "labels.csv",
}  # fmt: skip
# A second's noise: what is wrong with a file does not depend on how long it is.
RECORDS = [
    Record(np.random.default_rng(k).normal(size=(500, 12)).astype(np.float32), 500, "noise")
    for k in range(3)
]


def publish(name, folder, write_record):
    """Write three records of a data set, two of them of one patient where it says so."""
    if name == "ptb-xl":
        patients, folds = (7, 7, 8), (1, 2, 9)
        rows = [
            (k + 1, patients[k], f"{50 + k}.0", 0, {"NORM": 100.0}, folds[k], record)
            for k, record in enumerate(RECORDS)
        ]
        return ptb_xl(folder, rows, write_record)
    if name == "mimic-iv-ecg":
        subjects = (10000032, 10000032, 10000117)
        studies = [
            (subject, 40000001 + k, "2180-07-23 08:44:00", ["Sinus rhythm"], RECORDS[k])
            for k, subject in enumerate(subjects)
        ]
        return mimic(folder, studies)
    if name == "cinc":
        for k, record in enumerate(RECORDS):
            cinc_record(folder, "georgia", f"E0000{k}", record)
        return folder
    if name == "ludb":
        return ludb(folder, [(k + 1, "F", 50 + k, {}, r) for k, r in enumerate(RECORDS)])
    table = "file,patient_id,codes,age,fold\na,7,NORM,50,1\nb,7,AFIB,51,2\nc,8,NORM,52,9\n"
    return plain(folder, dict(zip("abc", RECORDS, strict=True)), table, write_record)
