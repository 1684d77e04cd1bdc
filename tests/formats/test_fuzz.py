"""A seeded sample of the fuzz: damage is refused, or no checksum could have told."""

from collections import Counter

import fuzzing
import numpy as np
import pytest

from ecglens import formats
from ecglens.errors import RecordError

CASES = 600


def test_no_damage_crashes_hangs_or_gets_past_a_checksum():
    cases = list(fuzzing.fuzz(CASES, seed=2))
    worst = [
        f"{case.target.name}, {case.mutation}: {case.outcome} ({case.said})"
        for case in cases
        if case.outcome in fuzzing.WORST
    ]
    assert not worst, "\n".join(worst)
    assert len(cases) == CASES
    counts = Counter(case.outcome for case in cases)
    assert counts[fuzzing.REFUSED] > CASES / 2  # the damage is damage
    assert counts[fuzzing.SAME] and counts[fuzzing.UNCHECKED]
    assert len({(case.target.name, case.mutation) for case in cases}) > 100
    assert max(case.seconds for case in cases) < fuzzing.SECONDS / 2


def test_the_same_seed_gives_the_same_damage():
    one, two, other = ([c.damaged for c in fuzzing.fuzz(40, seed)] for seed in (1, 1, 2))
    assert one == two != other


def targets(folder):
    return {target.name: target for target in fuzzing.targets(folder)}


def judged(target, damaged, folder, monkeypatch=None):
    for name, data in target.files.items():
        (folder / name).write_bytes(data)
    sound = formats.read(folder / target.opened)
    return fuzzing.outcome(target, damaged, folder, sound)[0]


@pytest.mark.parametrize("name", ["WFDB wfdb16.dat", "WFDB wfdb212.dat", "WFDB cinc.mat"])
def test_a_reader_that_skips_the_checksum_is_found_out(tmp_path, monkeypatch, name):
    target = targets(tmp_path)[name]
    data = bytearray(target.files[target.damaged])
    data[333] ^= 1
    assert judged(target, bytes(data), tmp_path) == fuzzing.REFUSED
    monkeypatch.setattr(formats.wfdb, "_verify_checksums", lambda *_: None)
    assert judged(target, bytes(data), tmp_path) == fuzzing.WRONG


@pytest.mark.parametrize("name", ["SCP-ECG a.scp", "GE MUSE XML muse.xml"])
def test_a_reader_that_ignores_a_checksums_warning_is_found_out(tmp_path, monkeypatch, name):
    target = targets(tmp_path)[name]
    data = target.files[target.damaged]
    if name.startswith("GE"):
        place = data.rfind(b"<WaveFormData>") + 40
        data = (
            data[:place] + (b"B" if data[place : place + 1] != b"B" else b"C") + data[place + 1 :]
        )
    else:
        changed = bytearray(data)
        changed[-200] ^= 4
        data = bytes(changed)
    assert judged(target, data, tmp_path) == fuzzing.REFUSED
    harmless = formats.clinical._HARMLESS.pattern
    monkeypatch.setattr(formats.clinical, "_HARMLESS", fuzzing.re.compile(harmless + "|CRC"))
    assert judged(target, data, tmp_path) == fuzzing.WRONG


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (KeyError("a"), fuzzing.CRASHED),
        (TimeoutError(), fuzzing.HUNG),
        (RecordError("a", fuzzing.writers.PATIENT["last"], "c"), fuzzing.LEAKED),
        (RecordError("a", "b", "c"), fuzzing.REFUSED),
    ],
)
def test_crashes_hangs_and_leaks_are_told_apart(tmp_path, monkeypatch, raised, outcome):
    target = targets(tmp_path)["EDF a.edf"]
    (tmp_path / "a.edf").write_bytes(target.files["a.edf"])
    sound = formats.read(tmp_path / "a.edf")

    def read(path):
        raise raised

    monkeypatch.setattr(formats, "read", read)
    assert fuzzing.outcome(target, b"", tmp_path, sound)[0] == outcome


def test_a_read_that_takes_too_long_is_stopped():
    with pytest.raises(TimeoutError), fuzzing._within(1):
        while True:
            np.sqrt(2.0)
