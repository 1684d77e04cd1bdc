"""Damage to files of every format, seeded, and what reading them comes to.

The fuzz is passed if no case ends in :data:`WORST`. A file that still reads, but as something else,
is no fault where the format has no checksum over what was changed: nobody could notice. Whether
there is one is judged here without the code under test.
"""

import base64
import logging
import re
import resource
import signal
import struct
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
import writers

from ecglens import formats
from ecglens.errors import RecordError
from ecglens.record import LEADS, Record

REFUSED = "refused with a RecordError"
SAME = "read, and the same ECG"
UNCHECKED = "read as another, no checksum"  # the format has none over what was changed
COMPENSATED = "read as another, sum unchanged"  # a 16-bit sum does not see changes that cancel out
WRONG = "WRONG READ PAST A CHECKSUM"
CRASHED = "CRASH"
HUNG = "HANG"
LEAKED = "PATIENT IN A MESSAGE"
OUTCOMES = (REFUSED, SAME, UNCHECKED, COMPENSATED, WRONG, CRASHED, HUNG, LEAKED)
WORST = (WRONG, CRASHED, HUNG, LEAKED)
SECONDS = 10  # after which a read counts as hanging

_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_FIELD = re.compile(rb'[^\s,;<>="/()]+')
_NUMBERS = (b"0", b"-1", b"1", b"1e9", b"1000000000", b"4294967295", b"1e308", b"nan", b"-0.5", b"")
# One ASCII name or value between tags, or of an attribute.
_XML_FIELD = re.compile(rb'>([^<>\s][^<>]{0,60})<|"([^"<>]{1,60})"')


@dataclass(frozen=True)
class Target:
    """A sound file and the part of it that is damaged.

    Parameters
    ----------
    group : str
        Of the issue's list: headers, signals, CSVs or XMLs.
    name : str
    files : dict of str to bytes
        All that belongs to the record, by file name.
    damaged : str
        Which of the files is damaged.
    opened : str
        Which path is read.
    checked : callable
        From the damaged bytes and what was read to whether a checksum should have noticed.
    """

    group: str
    name: str
    files: dict[str, bytes]
    damaged: str
    opened: str
    checked: Callable[[bytes, Record], str]


# Mutations: bytes and a generator in, bytes out


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in rng.integers(0, len(out), rng.integers(1, 4)):
        out[place] ^= 1 << rng.integers(8)
    return bytes(out)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(0, len(data))]


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    place, size = rng.integers(0, len(data)), rng.integers(1, 64)
    return data[:place] + rng.bytes(size) + data[place + size :]


def _drop(data: bytes, rng: np.random.Generator) -> bytes:
    place, size = rng.integers(0, len(data)), rng.integers(1, 200)
    return data[:place] + data[place + size :]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    place, size = rng.integers(0, len(data)), rng.integers(1, 200)
    return data[: place + size] + data[place:]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    """Put another number in a number's place."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return _flip(data, rng)
    match = found[rng.integers(len(found))]
    new = _NUMBERS[rng.integers(len(_NUMBERS))]
    if rng.random() < 0.5:
        new = str(int(rng.integers(-(10**6), 10**6))).encode()
    return data[: match.start()] + new + data[match.end() :]


def _swap(data: bytes, rng: np.random.Generator) -> bytes:
    """Let two fields change places; words of a WFDB header's comments stay in the comments."""
    pattern = _XML_FIELD if b"<?xml" in data[:200] and rng.random() < 0.5 else _FIELD
    found = list(pattern.finditer(data.partition(b"\n# ")[0]))
    if len(found) < 2:
        return _drop(data, rng)
    first, second = sorted(rng.choice(len(found), 2, replace=False))
    (a, b), (c, d) = (_span(found[first]), _span(found[second]))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _span(match: re.Match) -> tuple[int, int]:
    return match.span(match.lastindex or 0)


def _line(data: bytes, rng: np.random.Generator) -> bytes:
    """Drop, double or move a line."""
    lines = data.splitlines(keepends=True)
    here, there = rng.integers(0, len(lines), 2)
    kind = rng.integers(3)
    if kind == 1:
        lines.insert(here, lines[here])
    else:
        line = lines.pop(here)
        if kind == 2:
            lines.insert(there, line)
    return b"".join(lines)


MUTATIONS = (_flip, _cut, _overwrite, _drop, _repeat, _number, _swap, _line)


# Whether a checksum should have noticed


def _none(data: bytes, record: Record) -> str:
    return UNCHECKED


def _whole(data: bytes, record: Record) -> str:
    """Judge a format whose checksum covers everything."""
    return WRONG


def _sums(header: bytes, gain: float) -> Callable[[bytes, Record], str]:
    """Judge a WFDB signal: the 16-bit sum of each lead, of which the header keeps one."""
    lines = [line for line in header.splitlines() if line and not line.startswith(b"#")]
    stated = [int(line.split()[6]) for line in lines[1:]]

    def judge(data: bytes, record: Record) -> str:
        counts = np.rint(record.signal.astype(float) * gain)
        if np.isnan(counts).any():
            return COMPENSATED  # the mark of a missing sample, whose value the signal keeps no more
        sums = counts.sum(axis=0).astype(np.int64)
        return COMPENSATED if not ((sums - stated) & 0xFFFF).any() else WRONG

    return judge


def _crc32(data: bytes, record: Record) -> str:
    """Judge a MUSE file: the CRC-32 of each lead of its rhythm that still has one."""
    rhythm = data[data.find(b"Rhythm") :]
    for lead in re.findall(rb"<LeadData>.*?</LeadData>", rhythm, re.S):
        checksum = re.search(rb"<LeadDataCRC32>\s*(\d+)\s*</LeadDataCRC32>", lead)
        payload = re.search(rb"<WaveFormData>([^<]*)</WaveFormData>", lead)
        if checksum and payload:
            samples = base64.b64decode(b"".join(payload[1].split()))
            if zlib.crc32(samples) != int(checksum[1]):
                return WRONG
    return UNCHECKED


# Targets


def targets(folder: Path) -> list[Target]:
    """Write one sound file of each kind into ``folder`` and return what to damage of them."""
    rng = np.random.default_rng(5)
    counts = rng.integers(-40, 40, (200, 12)).cumsum(axis=0)
    found = []
    comment = f"# Name: {writers.PATIENT['last']} {writers.PATIENT['id']}\n".encode()
    for fmt in ("16", "212", "24"):
        wfdb.wrsamp(
            f"wfdb{fmt}", 100, ["mV"] * 12, list(LEADS), d_signal=counts, fmt=[fmt] * 12,
            adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(folder),
        )  # fmt: skip
        header = (folder / f"wfdb{fmt}.hea").read_bytes() + comment
        found += _wfdb(f"wfdb{fmt}", header, (folder / f"wfdb{fmt}.dat").read_bytes())
    # As the CinC challenges publish it: format 16 behind a MATLAB header of 24 bytes.
    header = (folder / "wfdb16.hea").read_bytes().replace(b"wfdb16.dat 16 ", b"cinc.mat 16+24 ")
    matlab = struct.pack("<5I4s", 30, 12, len(counts), 0, 4, b"val\0")
    found += _wfdb("cinc", header + comment, matlab + counts.astype("<i2").tobytes(), ".mat")
    eight = counts[:, [0, 1, *range(6, 12)]]
    for group, judge, path in (
        ("signals", _none, writers.write_dicom(folder / "a.dcm", counts, rate=100)),
        ("signals", _none, writers.write_edf(folder / "a.edf", counts, rate=100)),
        ("signals", _whole, writers.write_scp(folder / "a.scp", eight, rate=100)),
        ("signals", _whole, writers.write_npz(folder / "a.npz", counts, rate=100)),
        ("CSVs", _none, writers.write_csv(folder / "a.csv", counts, rate=100)),
        ("CSVs", _none, writers.write_csv(folder / "b.tsv", counts, rate=100, delimiter="\t")),
        ("CSVs", _none, writers.write_csv(folder / "c.csv", counts, rate=100, delimiter=";")),
        ("XMLs", _none, writers.write_aecg(folder / "aecg.xml", counts, rate=100)),
        ("XMLs", _crc32, writers.write_muse(folder / "muse.xml", counts, rate=100)),
        ("XMLs", _none, writers.write_sierra(folder / "plain.xml", counts, rate=100, xli=False)),
        ("XMLs", _none, writers.write_sierra(folder / "packed.xml", counts, rate=100)),
    ):
        data = path.read_bytes()
        name = f"{formats.recognise(path).name} {path.name}"
        found.append(Target(group, name, {path.name: data}, path.name, path.name, judge))
    return found


def _wfdb(name: str, header: bytes, data: bytes, ending: str = ".dat") -> list[Target]:
    """Return a record's header and signals as two targets."""
    files = {f"{name}.hea": header, f"{name}{ending}": data}
    judge = _sums(header, 1000)
    return [
        Target("headers", f"WFDB {name}.hea", files, f"{name}.hea", name, _none),
        Target("signals", f"WFDB {name}{ending}", files, f"{name}{ending}", name, judge),
    ]


# Reading


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Raise TimeoutError where a read takes longer."""

    def stop(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class _Log(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def outcome(target: Target, damaged: bytes, folder: Path, sound: Record) -> tuple[str, str]:
    """Read a damaged file; return one of :data:`OUTCOMES` and what the reader said."""
    for name, data in target.files.items():
        (folder / name).write_bytes(damaged if name == target.damaged else data)
    log = _Log()
    logging.getLogger().addHandler(log)
    said, result = "", CRASHED
    try:
        with _within(SECONDS), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            record = formats.read(folder / target.opened)
        said = repr((record.name, record.source))
        same = (
            record.sampling_frequency == sound.sampling_frequency
            and record.signal.shape == sound.signal.shape
            and np.array_equal(record.signal, sound.signal)
        )
        result = SAME if same else target.checked(damaged, record)
    except RecordError as error:
        said, result = str(error), REFUSED
    except TimeoutError:
        result = HUNG
    except Exception as error:  # any other is the fault that is looked for
        said = f"{type(error).__name__}: {error}"
    finally:
        logging.getLogger().removeHandler(log)
    heard = " ".join([said, *log.lines, *(str(w.message) for w in caught)])
    private = [value for value in writers.PATIENT.values() if value in heard]
    return (LEAKED, heard) if private else (result, said)


@dataclass(frozen=True)
class Case:
    """What became of one damaged file."""

    target: Target
    mutation: str
    outcome: str
    said: str
    seconds: float
    damaged: bytes


def fuzz(cases: int, seed: int) -> Iterator[Case]:
    """Damage ``cases`` files, a quarter of each group, and read them.

    Yields
    ------
    Case
        The same ones for the same seed.
    """
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = targets(folder)
        groups = sorted({target.group for target in known})
        sound = {}
        for target in known:
            for file, data in target.files.items():
                (folder / file).write_bytes(data)
            sound[target.name] = formats.read(folder / target.opened)
        for number in range(cases):
            group = [t for t in known if t.group == groups[number % len(groups)]]
            target = group[number // len(groups) % len(group)]
            mutate = MUTATIONS[rng.integers(len(MUTATIONS))]
            damaged = mutate(target.files[target.damaged], rng)
            start = time.perf_counter()
            result, said = outcome(target, damaged, folder, sound[target.name])
            seconds = time.perf_counter() - start
            yield Case(target, mutate.__name__.strip("_"), result, said, seconds, damaged)


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
