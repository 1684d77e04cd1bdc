"""Errors name what is at fault, what was found, what was expected and how to mend it."""

import pickle

import pytest

from ecglens import errors
from ecglens.errors import ECGLensError, ParameterError, RecordError, did_you_mean, run_stage

KINDS = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]


def test_the_message_has_all_four_parts_in_order():
    error = RecordError("a.dat", "23 bytes", "24000 bytes", "Fetch it again.")
    assert str(error) == "a.dat: found 23 bytes; expected 24000 bytes. Fetch it again."
    assert (error.source, error.found) == ("a.dat", "23 bytes")
    assert (error.expected, error.mend) == ("24000 bytes", "Fetch it again.")


def test_without_a_mend_the_message_ends_with_the_expectation():
    assert str(RecordError("a", "b", "c")) == "a: found b; expected c."


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_can_be_caught_as_one_and_crosses_processes(kind):
    error = kind("a", "b", "c", "d")
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, ECGLensError) and type(back) is kind
    assert str(back) == str(error) and back.mend == "d"


def test_a_path_is_renamed_in_every_part_and_in_the_message():
    error = RecordError("/mnt/x/a.dat", "no /mnt/x/b", "/mnt/x", "See /mnt/x.")
    error.rename("raw", "/mnt/x")
    assert str(error) == "raw/a.dat: found no raw/b; expected raw. See raw."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("name", "guess"),
    [("superclas", "superclass"), ("SUPERCLASS", "superclass"), ("abnormall", "abnormal")],
)
def test_the_nearest_known_name_is_proposed(name, guess):
    expected = f'Did you mean "{guess}"? Known: abnormal, superclass.'
    assert did_you_mean(name, ["superclass", "abnormal"]) == expected


def test_the_proposal_keeps_the_known_names_own_case():
    assert did_you_mean("pacce", ["PACE", "NORM"]) == 'Did you mean "PACE"? Known: NORM, PACE.'


@pytest.mark.parametrize("name", ["zzz", "", 7, None])
def test_a_name_like_no_other_gets_the_list_alone(name):
    assert did_you_mean(name, ["superclass", "abnormal"]) == "Known: abnormal, superclass."


def test_a_stage_ends_with_one_line_and_no_traceback_on_an_error_that_can_be_mended():
    def main():
        raise ParameterError("params.yaml: tasks", "'x'", "a known name")

    with pytest.raises(SystemExit) as stopped:
        run_stage(main)
    assert stopped.value.code == "ecglens: params.yaml: tasks: found 'x'; expected a known name."


def test_a_stage_does_not_hide_a_fault_of_its_own():
    def main():
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        run_stage(main)
