"""Labels that mean nothing, and manifests that hold none, are refused with a mend."""

from copy import deepcopy
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ecglens.errors import DatasetError, LabelError, ParameterError
from ecglens.labels import Policy, check_draw, codes_of, get_task, label_records, labels_of
from ecglens.manifests import balanced_draw, with_draws, with_labels
from ecglens.params import load_params
from ecglens.splits import load_split
from ecglens.store import Store
from ecglens.vocabulary import LONGEST, Tables

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
OWN = yaml.safe_load(files("ecglens").joinpath("labels.yaml").read_text("utf-8"))
LQT = get_task("lqt")


def changed(section, key, /, **entry):
    """Return labels.yaml with one entry changed."""
    content = deepcopy(OWN)
    content[section][key] = {**content[section].get(key, {}), **entry}
    return content


# Names


def test_an_unknown_task_or_label_is_answered_with_the_nearest():
    with pytest.raises(LabelError, match='Did you mean "superclass"'):
        get_task("super_class")
    with pytest.raises(LabelError, match='Did you mean "tachy"'):
        get_task("TACHY")
    with pytest.raises(LabelError, match='Did you mean "STACH"'):
        codes_of("STACHY", "scp")


def test_an_unknown_vocabulary_is_answered_with_the_nearest():
    for call in (lambda v: labels_of(["SR"], v), lambda v: codes_of("SR", v)):
        with pytest.raises(ParameterError, match='Did you mean "snomed"'):
            call("snomed-ct")


@pytest.mark.parametrize("value", ["ignore", "", None, 1])
def test_an_unknown_policy_is_refused(value):
    with pytest.raises(ParameterError, match=r"labels\.uncertain.*absent, leave_out, present"):
        Policy(value)


@pytest.mark.parametrize("value", [-1, 100.5, float("nan"), float("inf")])
def test_a_likelihood_outside_0_to_100_is_refused(value):
    with pytest.raises(ParameterError, match="percent, 0-100"):
        Policy(likelihood=value)


# Codes


@pytest.mark.parametrize(
    "codes",
    [["SR"], [["SR"], "NORM"], [["SR"], None], [["SR"], {"NORM": 100.0}], [["SR"], np.nan]],
)
def test_codes_of_a_record_that_are_no_list_are_refused(codes):
    # Text would otherwise be read letter by letter.
    with pytest.raises(LabelError, match="expected a list of text"):
        label_records(codes, "scp")


@pytest.mark.parametrize("code", [164889003, 164889003.0, np.nan, None, b"SR"])
def test_a_code_that_is_no_text_is_refused(code):
    with pytest.raises(LabelError, match="expected a list of text"):
        label_records([["164889003"], [code]], "snomed")


@pytest.mark.parametrize("likelihoods", [[], [[100.0]], [[100.0], [100.0, 0.0, 0.0]], [[], [0.0]]])
def test_likelihoods_that_are_not_one_for_each_code_are_refused(likelihoods):
    with pytest.raises(LabelError, match="one for each code"):
        label_records([["SR"], ["SR", "IMI"]], "scp", Policy(likelihood=50), likelihoods)


def test_a_statement_as_long_as_a_file_is_refused_by_its_beginning():
    labels_of(["x" * LONGEST], "mimic")
    with pytest.raises(LabelError, match=rf"statement 'xxx.*{LONGEST + 1} characters"):
        labels_of(["x" * (LONGEST + 1)], "mimic")


# labels.yaml


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no section 'words'"),
        ({**OWN, "tasks": None}, "no section 'tasks'"),
        (changed("labels", "LVH/RVH", name="x"), r"labels: LVH/RVH.*letters, digits and _"),
        (changed("labels", "NORM", spc=["NORM"]), r"labels: NORM.*key 'spc'.*Did you mean \"scp\""),
        (changed("labels", "NORM", scp="NORM"), r"labels: NORM: scp.*'NORM'; expected a list"),
        (changed("labels", "NEW", scp=["NEW"]), "labels: NEW: found no name"),
        (changed("labels", "MI", any_of=["IMl"]), r"MI: any_of.*'IMl'.*Did you mean \"IMI\""),
        (changed("labels", "IMI", any_of=["MI"]), "parts of each other: .*IMI.*MI"),
        (
            changed("labels", "NORM", mimic=["normal ("]),
            "labels: NORM: mimic.*regular",
        ),
        (changed("labels", "NORM", mimic=["(?:normal)?"]), "NORM: mimic.*matches an empty text"),
        (changed("labels", "NORM", mimic=["<normall>"]), "NORM: mimic: found <normall>"),
        (changed("tasks", "cd", labels=["rbb"]), r"tasks: cd.*'rbb'.*Did you mean \"rbbb\""),
        (changed("tasks", "cd", population=["rbb"]), "tasks: cd.*'rbb'"),
        (changed("tasks", "cd", labels=[]), "tasks: cd.*labels none"),
        (changed("tasks", "cd", labels=["rbbb", "rbbb"]), "tasks: cd.*labels, each once"),
        (changed("tasks", "cd", labels="rbbb"), r"tasks: cd: labels.*'rbbb'; expected a list"),
        (changed("tasks", "all", groups=["diagnostics"]), r"Did you mean \"diagnostic\""),
        ({**OWN, "cues": {**OWN["cues"], "denyed": ["no"]}}, "cues.*denyed"),
        ({**OWN, "words": {"a": "<b>", "b": "c"}}, "words: a: found <b>"),
    ],
)
def test_a_labels_yaml_that_means_nothing_is_refused_where_it_does(content, message):
    with pytest.raises(LabelError, match=message):
        Tables(content)


def test_labels_yaml_itself_is_sound():
    assert Tables(OWN).names


# Draws


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "records for any of lqt, neg"),
        ([500], "records for any of lqt, neg"),
        ({"lqts": 500}, 'Did you mean "lqt"'),
        ({"negative": 500}, 'Did you mean "neg"'),
        ({"LNGQT": 500}, "'LNGQT'; expected a label of lqt, or neg"),
        ({"lqt": 9}, "at least 10"),
        ({"lqt": -500}, "at least 10"),
        ({"lqt": 50.5}, "a whole number"),
        ({"lqt": True}, "a whole number"),
        ({"lqt": "500"}, "a whole number"),
    ],
)
def test_a_draw_that_means_nothing_is_refused(wanted, message):
    with pytest.raises(ParameterError, match=message):
        check_draw(LQT, wanted, "labels.draws: lqt")


@pytest.fixture
def manifest():
    """30 records of 30 patients, 3 in each fold; every third has a long QT."""
    fold = np.arange(30) % 10 + 1
    table = pd.DataFrame(
        {
            "record_id": np.arange(30),
            "patient_id": np.arange(30),
            "split": np.select([fold == 9, fold == 10], ["validation", "test"], "train"),
            "codes": [["LNGQT"] if k % 3 == 0 else ["SR"] for k in range(30)],
        }
    )
    return with_labels(table, "scp", Policy())


def test_a_draw_that_the_set_cannot_give_names_every_shortage(manifest):
    with pytest.raises(LabelError, match="too few records") as caught:
        balanced_draw(manifest, LQT, {"lqt": 20, "neg": 100}, seed=1)
    message = str(caught.value)
    for shortage in ("lqt 8 of 16 in train", "lqt 1 of 2 in test", "neg 2 of 10 in validation"):
        assert shortage in message


def test_a_draw_for_an_unknown_task_is_refused(manifest):
    with pytest.raises(LabelError, match='Did you mean "lqt"'):
        with_draws(manifest, {"LQT": {"lqt": 10}}, seed=1)


# params.yaml


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("uncertain", "ignore", "labels: uncertain: found 'ignore'"),
        ("likelihood", 101, "labels: likelihood: found 101"),
        ("likelihood", "fifty", "labels: likelihood: found 'fifty'"),
        ("draws", [], "labels: draws: found \\[\\]"),
        ("draws", {"lqts": {"lqt": 10}}, 'labels: draws.*Did you mean "lqt"'),
        ("draws", {"lqt": {"lqt": 1}}, "labels: draws: lqt: lqt.*at least 10"),
        ("seed", -1, "labels: seed: found -1"),
        ("policy", "absent", "the key 'policy'"),
    ],
)
def test_a_label_parameter_that_means_nothing_is_refused(tmp_path, key, value, message):
    content = yaml.safe_load(PARAMS.read_text("utf-8"))
    content["labels"][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError, match=message):
        load_params(tmp_path / "params.yaml")


# Manifests


def test_a_manifest_without_labels_names_the_stage(manifest, tmp_path):
    manifest.drop(columns="labels").to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(DatasetError, match=r"no column labels.*dvc repro label"):
        load_split(tmp_path / "manifest.parquet", a_store(range(30)), LQT, "train")


def test_a_manifest_that_is_no_parquet_file_names_the_stage(tmp_path):
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1 but nothing more")
    with pytest.raises(DatasetError, match=r"expected a Parquet file.*dvc repro label"):
        load_split(tmp_path / "manifest.parquet", a_store(range(30)), LQT, "train")


def a_store(record_ids):
    ids = np.array(list(record_ids))
    return Store("signals", np.zeros((len(ids), 1, 12), "<i2"), ids, 100, "")
