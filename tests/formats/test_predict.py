"""``ecglens predict`` takes one ECG in any format and says the same of it."""

import json

import numpy as np
import pytest
import writers

from ecglens.cli import main
from ecglens.formats import wfdb
from ecglens.record import LEADS, to_microvolts

NAMES = ["a.csv", "a.npz", "a.npy", "a.dcm", "a.edf", "a.scp", "aecg.xml", "muse.xml", "sierra.xml"]
NOT_SAID = ["--rate", "100", "--units", "uV", "--leads", ",".join(LEADS)]


@pytest.fixture(scope="module")
def one(simulated_set, tmp_path_factory):
    """One of our own records at 100 Hz in every format: the header's path and the folder."""
    header = next(simulated_set.glob("records100/*/*.hea"))
    folder = tmp_path_factory.mktemp("one")
    counts = to_microvolts(wfdb.read(header).signal, "own").astype(int)
    np.save(folder / "a.npy", counts)
    writers.write_csv(folder / "a.csv", counts, rate=100)
    writers.write_npz(folder / "a.npz", counts, rate=100)
    writers.write_dicom(folder / "a.dcm", counts, rate=100)
    writers.write_edf(folder / "a.edf", counts, rate=100)
    writers.write_scp(folder / "a.scp", counts, rate=100, leads=LEADS)
    writers.write_aecg(folder / "aecg.xml", counts, rate=100)
    writers.write_muse(folder / "muse.xml", np.rint(counts / 4.88).astype(int), rate=100)
    writers.write_sierra(folder / "sierra.xml", np.rint(counts / 5).astype(int), rate=100)
    return header, folder


def predict(capsys, exported, *arguments):
    """Run the command; return its code, its JSON lines and what it printed beside them."""
    code = main(["predict", *map(str, arguments), "--model", str(exported.file), "--json"])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


@pytest.mark.parametrize("name", NAMES)
def test_one_ecg_gets_the_same_prediction_from_every_format(one, exported, capsys, name):
    header, folder = one
    _, [expected], _ = predict(capsys, exported, header)
    more = NOT_SAID if name == "a.npy" else []
    code, [found], err = predict(capsys, exported, folder / name, *more)
    assert (code, err) == (0, "")
    assert (found["record"], found["sampling_frequency"]) == (name.split(".")[0], 100)
    coarse = name in ("muse.xml", "sierra.xml")  # steps of 5 µV
    for label, values in expected["labels"].items():
        difference = found["labels"][label]["logit"] - values["logit"]
        assert abs(difference) < (0.5 if coarse else 1e-4), label


def test_what_an_array_does_not_say_must_be_said(one, exported, capsys):
    code, found, err = predict(capsys, exported, one[1] / "a.npy")
    assert (code, found) == (1, [])
    assert "a.npy: found no leads; expected the leads in the file or as a parameter" in err


def test_a_bad_file_among_good_ones_is_one_line_and_the_rest_is_predicted(
    one, exported, capsys, tmp_path
):
    bad = tmp_path / "bad.xml"
    bad.write_bytes((one[1] / "muse.xml").read_bytes()[:3000])
    code, found, err = predict(capsys, exported, one[1] / "a.csv", bad, one[1] / "a.scp")
    assert code == 1 and len(found) == 2
    assert err.splitlines() == [
        f"ecglens: {bad}: found XML that is not well formed; expected a whole GE MUSE XML file of "
        "one ECG. Export it again.",
        "ecglens: 1 of 3 records have no prediction",
    ]
    assert not [value for value in writers.PATIENT.values() if value in err + str(found)]
