"""A publisher's folder comes in as links, whole or not at all."""

import os

import pytest

from ecglens.datasets.folders import link_folder


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "published"
    for name in ("a/1.dat", "a/1.hea", "b/2.dat", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def is_signal(path):
    return path.suffix == ".dat"


def test_what_belongs_is_linked_and_not_copied(source, tmp_path):
    assert link_folder(source, tmp_path / "raw", is_signal, "") == 2
    found = sorted(
        p.relative_to(tmp_path / "raw").as_posix() for p in (tmp_path / "raw").rglob("*.*")
    )
    assert found == ["a/1.dat", "b/2.dat"]
    for name in found:
        assert (tmp_path / "raw" / name).stat().st_ino == (source / name).stat().st_ino


def test_files_are_copied_where_the_disk_cannot_link(source, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    link_folder(source, tmp_path / "raw", is_signal, "")
    assert (tmp_path / "raw" / "a" / "1.dat").read_text() == "a/1.dat"


def test_symbolic_links_are_followed_and_one_that_leads_back_ends(source, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "3.dat").write_text("3")
    (source / "c").symlink_to(tmp_path / "elsewhere")
    (source / "a" / "back").symlink_to(source)
    assert link_folder(source, tmp_path / "raw", is_signal, "") == 3
    brought = tmp_path / "raw" / "c" / "3.dat"
    assert brought.read_text() == "3" and not brought.is_symlink()


def test_a_fetch_that_is_broken_off_leaves_what_was_there(source, tmp_path):
    link_folder(source, tmp_path / "raw", is_signal, "")

    def break_off(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        link_folder(source, tmp_path / "raw", break_off, "")
    assert (tmp_path / "raw" / "a" / "1.dat").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published", "raw"]
