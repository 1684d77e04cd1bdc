"""The stage fetch downloads a public set where the parameters name an address, and only there."""

import shutil

import pytest
from http_folder import publish, serving

from ecglens.datasets import DATASETS, get_dataset, physionet
from ecglens.errors import DatasetError, ParameterError

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def site(tmp_path, simulated_set):
    """Serve ten records of 100 Hz as PhysioNet serves PTB-XL."""
    files = {
        path.relative_to(simulated_set).as_posix(): path.read_bytes()
        for path in [
            *simulated_set.glob("*.csv"), *sorted(simulated_set.glob("records100/00000/0000*"))
        ]
    }  # fmt: skip
    publish(tmp_path / "site", "ptb-xl", "1.0.3", files)
    with serving(tmp_path / "site") as server:
        yield server


def options(folder, server=None):
    return {"folder": str(folder), "download": server.address if server else ""}


def test_the_set_is_downloaded_to_its_folder_and_linked_into_the_house(site, tmp_path):
    house, folder = tmp_path / "house", tmp_path / "ptb-xl"
    get_dataset("ptb-xl").fetch(house, options(folder, site))
    record = "records100/00000/00001_lr.dat"
    assert (house / record).samefile(folder / record)
    assert (folder / "SHA256SUMS.txt").is_file()
    assert not (house / "SHA256SUMS.txt").exists()


def test_what_is_there_is_not_downloaded_again(site, tmp_path):
    get_dataset("ptb-xl").fetch(tmp_path / "first", options(tmp_path / "ptb-xl", site))
    assert site.bytes_sent > 0
    site.forget()
    get_dataset("ptb-xl").fetch(tmp_path / "second", options(tmp_path / "ptb-xl", site))
    assert site.bytes_sent == 0


def test_without_an_address_nothing_is_asked_of_any_network(tmp_path, simulated_set, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert get_dataset("ptb-xl").fetch(tmp_path / "house", options(simulated_set)) > 100


def test_a_server_without_the_set_is_an_error_and_the_house_stays_empty(site, tmp_path):
    shutil.rmtree(tmp_path / "site" / "files")
    with pytest.raises(DatasetError, match="HTTP 404"):
        get_dataset("ptb-xl").fetch(tmp_path / "house", options(tmp_path / "ptb-xl", site))
    assert not (tmp_path / "house").exists()


def test_an_address_that_is_none_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"'physionet\.org'; expected https://HOST"):
        wanted = {"folder": str(tmp_path / "a"), "download": "physionet.org"}
        get_dataset("ptb-xl").fetch(tmp_path / "house", wanted)


def test_of_the_challenges_only_the_wanted_sets_are_downloaded(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(physionet, "fetch", lambda name, *_, **o: asked.update(name=name, **o))
    wanted = {"folder": str(tmp_path), "download": "https://example.org", "sets": ["georgia"]}
    with pytest.raises(DatasetError, match="no training/"):
        get_dataset("cinc").fetch(tmp_path / "house", wanted)
    assert asked["name"] == "challenge-2021" and asked["only"] == ["training/georgia"]


def test_every_project_is_one_that_fetch_knows():
    projects = {dataset.project for dataset in DATASETS.values()} - {""}
    assert projects == set(physionet.SETS) - {"challenge-2020"}
