"""A set of three files, served as PhysioNet serves LUDB, for tests of what a fetch refuses."""

import contextlib
import hashlib
import io
import zipfile

from http_folder import publish, serving

from ecglens.datasets.download import Patience
from ecglens.datasets.physionet import fetch

QUICK = Patience(tries=3, backoff=0.001, longest_wait=0.1, timeout=10.0)
SITE = "/files/ludb/1.0.1/"
ZIP = "/content/ludb/get-zip/1.0.1/"
FILES = {"ludb.csv": b"ID\n1\n", "data/1.hea": b"1 12 500 5000\n", "data/1.dat": bytes(range(200))}


@contextlib.contextmanager
def serving_set(root):
    """Give a server of the set, under ``root``."""
    publish(root, "ludb", "1.0.1", FILES)
    with serving(root) as running:
        yield running


def get(server, folder, **options):
    return fetch("ludb", folder, **{"address": server.address, "patience": QUICK, **options})


def site_of(server):
    return server.root / SITE.strip("/")


def everything_under(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def sums(files):
    return {path: hashlib.sha256(data).digest() for path, data in files.items()}


def pack(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return packed.getvalue()
