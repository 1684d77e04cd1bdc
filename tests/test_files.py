"""Outputs stand under their name whole or not at all."""

import os
import shutil

import pytest

from ecglens import files
from ecglens.files import whole_file, whole_folder


def test_a_folder_gets_its_name_only_at_the_end(tmp_path):
    folder = tmp_path / "deep" / "signals"
    with whole_folder(folder) as part:
        (part / "a").write_text("1")
        assert not folder.exists()
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert [path.name for path in folder.parent.iterdir()] == ["signals"]


def test_a_folder_replaces_the_old_one_with_all_that_was_in_it(tmp_path):
    folder = tmp_path / "signals"
    for name in ("old", "new"):
        with whole_folder(folder) as part:
            (part / name).write_text(name)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_fault_leaves_the_old_folder_and_nothing_else(tmp_path, fault):
    folder = tmp_path / "signals"
    with whole_folder(folder) as part:
        (part / "old").write_text("old")
    with pytest.raises(fault), whole_folder(folder) as part:
        (part / "new").write_text("half")
        raise fault
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


def test_what_a_killed_run_left_does_not_get_into_the_next(tmp_path):
    (tmp_path / "signals.part").mkdir()
    (tmp_path / "signals.part" / "half").write_text("half")
    with whole_folder(tmp_path / "signals") as part:
        (part / "whole").write_text("whole")
    assert [path.name for path in (tmp_path / "signals").iterdir()] == ["whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


def test_an_old_folder_never_stands_half_removed_under_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "signals"
    for name in ("a", "b"):
        with whole_folder(folder) as part:
            (part / name).write_text("old")

        def remove(path, remove=shutil.rmtree, **options):
            assert path != folder, "a kill in the middle of this would leave half of it"
            remove(path, **options)

        monkeypatch.setattr(files.shutil, "rmtree", remove)


def test_a_kill_between_the_two_renames_is_mended_by_the_next_run(tmp_path, monkeypatch):
    folder, names = tmp_path / "signals", []
    with whole_folder(folder) as part:
        (part / "old").write_text("old")

    def replace_once(source, target, replace=os.replace):
        names.append(target)
        if target == folder:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "replace", replace_once)
        with pytest.raises(KeyboardInterrupt), whole_folder(folder) as part:
            (part / "new").write_text("new")
    assert not folder.exists() and names[-1] == folder
    with whole_folder(folder) as part:
        (part / "newer").write_text("newer")
    assert [path.name for path in folder.iterdir()] == ["newer"]
    assert [path.name for path in tmp_path.iterdir()] == ["signals"]


def test_a_file_gets_its_name_only_at_the_end_and_keeps_its_ending_before(tmp_path):
    path = tmp_path / "deep" / "model.onnx"
    with whole_file(path) as part:
        part.write_text("whole")
        assert part.suffix == ".onnx" and not path.exists()
    assert path.read_text() == "whole"
    assert [found.name for found in path.parent.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_fault_leaves_the_old_file_and_nothing_else(tmp_path, fault):
    path = tmp_path / "manifest.parquet"
    path.write_text("old")
    with pytest.raises(fault), whole_file(path) as part:
        part.write_text("half")
        raise fault
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["manifest.parquet"]


def test_a_file_that_was_never_written_is_an_error_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(path):
        pass
    assert path.read_text() == "old"
