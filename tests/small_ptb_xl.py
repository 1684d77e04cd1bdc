"""Six records' files, served as PhysioNet serves PTB-XL, for tests of fetching."""

import contextlib
import io
import zipfile

import numpy as np
from http_folder import publish, serving

from ecglens.datasets.download import Patience
from ecglens.datasets.physionet import fetch

QUICK = Patience(tries=4, backoff=0.001, longest_wait=0.2, timeout=5.0)
SITE = "/files/ptb-xl/1.0.3/"
ZIP = "/content/ptb-xl/get-zip/1.0.3/"
DAT = "records100/00000/00001_lr.dat"
SIZE = 24_000  # bytes of a .dat


def small_set():
    """Files of six records as PTB-XL lays them out, and a name that a URL must quote."""
    rng = np.random.default_rng(5)
    files = {
        "ptbxl_database.csv": b"ecg_id,patient_id\n" + b"1,2\n" * 400,
        "scp_statements.csv": b"NORM\n",
        "LICENSE.txt": b"",
        "notes/read me #1 (50%).txt": "π".encode(),
    }
    for number in range(1, 7):
        for rate, suffix, size in ((100, "lr", SIZE), (500, "hr", 5 * SIZE)):
            stem = f"records{rate}/00000/0000{number}_{suffix}"
            files[f"{stem}.dat"] = rng.bytes(size)
            files[f"{stem}.hea"] = f"{stem} 12 {rate} {10 * rate}\n".encode()
    return files


FILES = small_set()


@contextlib.contextmanager
def serving_set(root):
    """Give a server of the set, under ``root``."""
    publish(root, "ptb-xl", "1.0.3", FILES)
    with serving(root) as running:
        yield running


def get(server, folder, **options):
    return fetch("ptb-xl", folder, address=server.address, patience=QUICK, **options)


def content(folder):
    """Return every file of a folder, hidden ones too."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def published(server, project="ptb-xl/1.0.3"):
    return content(server.root / "files" / project)


def set_zip(files, top="ptb-xl-a-large-ecg-dataset-1.0.3/"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(top + path, data)
    return packed.getvalue()


def serve_zip(server, data):
    (server.root / ZIP.strip("/")).mkdir(parents=True)
    (server.root / ZIP.strip("/") / "index").write_bytes(data)
