"""Guidance: each record's evidence, what of a map lies outside it, what training makes of it."""

import keras
import numpy as np
import pandas as pd
import pytest

from ecglens.errors import DatasetError, ParameterError
from ecglens.labels import get_task
from ecglens.manifests import with_evidence
from ecglens.models import build_model
from ecglens.record import LEADS, from_microvolts
from ecglens.splits import Split
from ecglens.store import Store
from ecglens.train_params import TrainParams
from ecglens.training import Guide, fit, load_guide, make_reproducible
from ecglens.training.data import training_batches
from ecglens.training.guidance import astray
from ecglens.training.network import Trainee

TASK = get_task("rhythm_conduction")
AFIB, PACE = TASK.labels.index("AFIB"), TASK.labels.index("PACE")


@pytest.fixture
def manifest(tmp_path):
    """A manifest of three records: of the second nothing is known, of the third two labels."""
    rows = [
        (1, "AFIB", 0.1, 0.3, "II V1"), (3, "PACE", 0.05, 0.1, "I"), (3, "AFIB", 0.2, 0.25, "V1"),
        (3, "AFIB", 0.9, 1.0, "II"), (3, "LVH", 0.0, 1.0, "V6"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["ecg_id", "scp_code", "start_s", "end_s", "leads"])
    made = with_evidence(pd.DataFrame({"record_id": [1, 2, 3]}), table)
    made.to_parquet(tmp_path / "manifest.parquet")
    return tmp_path / "manifest.parquet"


def guide_of(manifest, ids):
    truth = np.zeros((len(ids), len(TASK.labels)), np.float32)
    split = Split("train", np.arange(len(ids)), np.array(ids), truth)
    store = Store(manifest.parent, np.zeros((3, 100, 12), np.int16), np.array(ids), 100, "0" * 64)
    return load_guide(manifest, split, TASK, store)


def spans(marked):
    return np.flatnonzero(marked).tolist()


def test_each_record_of_the_split_has_its_own_evidence_by_label(manifest):
    outside = guide_of(manifest, [3, 1, 2]).outside(np.array([0, 1, 2]), leads=1)[:, :, 0]
    assert outside.shape == (3, 100, len(TASK.labels))
    known = outside.any(axis=1)
    assert [np.flatnonzero(one).tolist() for one in known] == [sorted([AFIB, PACE]), [AFIB], []]
    inside = ~outside & known[:, None]
    assert spans(inside[0, :, PACE]) == [5, 6, 7, 8, 9]
    assert spans(inside[0, :, AFIB]) == [*range(20, 25), *range(90, 100)]
    assert spans(inside[1, :, AFIB]) == list(range(10, 30))
    assert inside[0].sum() == 20 and inside[1].sum() == 20 and not inside[2].any()


def test_a_map_by_lead_is_held_to_the_leads_of_the_evidence(manifest):
    (outside,) = guide_of(manifest, [1]).outside(np.array([0]), leads=12)
    inside = ~outside[:, :, AFIB]
    assert [LEADS[k] for k in np.flatnonzero(inside.any(axis=0))] == ["II", "V1"]
    assert inside.sum() == 2 * 20


def test_what_is_astray_by_hand():
    attribution = np.zeros((2, 3, 1, 2), np.float32)
    attribution[0, :, 0, 0] = [1.0, 2.0, -4.0]  # a label that the record carries
    attribution[0, :, 0, 1] = [8.0, 8.0, 8.0]  # one that it does not
    attribution[1, :, 0, 1] = [0.5, 0.25, 0.25]
    truth = np.array([[1, 0], [0, 1]], np.float32)
    outside = np.ones((2, 3, 1, 2), bool)
    outside[0, 0] = False
    found = keras.ops.convert_to_numpy(astray(attribution, truth, outside))
    assert found == pytest.approx(((2.0) + (0.5 + 0.25 + 0.25)) / 2)


WAVE = 16  # samples at the beginning of label B's 40: where its sign is said to be


def learnt_guide(learnable):
    """Return where the learnable records are said to show their labels."""
    rows = [
        (record, start, start + length, column)
        for record, (start, truth) in enumerate(
            zip(learnable.starts[:96], learnable.train.truth, strict=True)
        )
        for column, length in enumerate((4, WAVE))
        if truth[column]
    ]
    record, first, last, column = np.array(rows).T
    begins = np.searchsorted(record, np.arange(97))
    places = np.ones((len(rows), 12), bool)
    return Guide(begins, np.stack([first, last], axis=1), column, places, 200, 2)


def test_a_batch_holds_the_evidence_of_its_own_records(learnable):
    guide, store = learnt_guide(learnable), learnable.store
    batches = training_batches(
        store, learnable.train, 8, seed=2, outside=lambda places: guide.outside(places, 1)
    )
    start_of = {c.tobytes(): s for c, s in zip(store.counts[:96], learnable.starts, strict=False)}
    for counts, truth in batches.take(3).as_numpy_iterator():
        for record, carried, outside in zip(counts, truth["truth"], truth["outside"], strict=True):
            start = start_of[record.tobytes()]
            wave = list(range(start, start + WAVE))
            everywhere = list(range(200))
            assert spans(~outside[:, 0, 1]) == (wave if carried[1] else everywhere)


def test_the_loss_is_that_of_the_logit_and_what_is_astray(learnable):
    model = build_model("signal_cam", samples=200, labels=2)
    trainee = Trainee(model, guidance=0.5)
    trainee.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    guide, rows = learnt_guide(learnable), np.arange(16)
    counts, truth = learnable.store.counts[rows], learnable.train.truth[rows]
    outside = guide.outside(rows, 1)
    given = trainee(counts)
    found = trainee.compute_loss(counts, {"truth": truth, "outside": outside}, given)
    expected = model(from_microvolts(counts))
    alone = keras.losses.BinaryCrossentropy(from_logits=True)(truth, expected["logit"])
    whole = alone + 0.5 * astray(expected["attribution"], truth, outside)
    assert float(found) == pytest.approx(float(whole), rel=1e-5) and float(whole) > float(alone)


def inside_share(learnable, tmp_path, guidance):
    """Return a trained model's validation AUROC and the share of its positive map in evidence."""
    make_reproducible(3)
    model = build_model("signal_cam", samples=200, labels=2)
    params = TrainParams(
        epochs=10, batch_size=16, learning_rate=0.01, schedule="cosine", patience=99, seed=3,
        guidance=guidance,
    )  # fmt: skip
    history = fit(
        model, learnable.store, learnable.train, learnable.validation, params,
        work=tmp_path, guide=learnt_guide(learnable),
    )  # fmt: skip
    rows = np.arange(96, 144)[learnable.validation.truth[:, 1] > 0]
    attribution = model.predict(from_microvolts(learnable.store.counts[rows]), verbose=0)[
        "attribution"
    ]
    positive = np.maximum(attribution[:, :, 0, 1], 0)
    starts = learnable.starts[rows]
    shares = [
        p[s : s + WAVE].sum() / max(p.sum(), 1e-9) for p, s in zip(positive, starts, strict=True)
    ]
    return max(history["val_auroc"]), float(np.mean(shares))


def test_a_guided_map_lies_in_the_evidence_of_records_that_training_did_not_see(
    learnable, tmp_path
):
    free_auroc, free = inside_share(learnable, tmp_path / "free", 0.0)
    auroc, share = inside_share(learnable, tmp_path / "guided", 1.0)
    assert share > free + 0.15
    assert auroc > free_auroc - 0.05


def test_a_model_without_a_map_of_its_own_cannot_be_guided():
    with pytest.raises(ParameterError, match=r"train.guidance: found cnn.*an additive model"):
        Trainee(build_model("cnn", samples=200, labels=2), guidance=0.1)


def test_a_guided_fit_asks_for_the_evidence(learnable, tmp_path):
    model = build_model("signal_cam", samples=200, labels=2)
    params = TrainParams(
        epochs=1, batch_size=16, learning_rate=0.01, schedule="cosine", patience=9, seed=3,
        guidance=0.1,
    )  # fmt: skip
    with pytest.raises(ParameterError, match="no guide; expected a guide"):
        fit(model, learnable.store, learnable.train, learnable.validation, params, work=tmp_path)


def test_a_data_set_without_evidence_says_which_has_it(tmp_path):
    path = tmp_path / "manifest.parquet"
    pd.DataFrame({"record_id": [1]}).to_parquet(path)
    with pytest.raises(DatasetError, match=r"no column 'evidence'.*Only the simulated set has it"):
        guide_of(path, [1])
