"""What if: answers without parts, ranked parts, and the least evidence that turns a decision."""

import keras
import numpy as np
import pytest
from keras import ops
from plain_heart import RATE, explanation, heart

from ecglens.explain import NamedModel, explain
from ecglens.explain.parts import Part, Parts
from ecglens.explain.waves import WAVES
from ecglens.explain.whatif import smallest_flip, top_leads, top_segments, what_if
from ecglens.record import LEADS


class Sums(keras.layers.Layer):
    """The largest value of V1 above 0.6 mV; and the sum of V5 and V6 at 2 s, less 3."""

    def call(self, x):
        a = ops.max(x[:, :, 6], axis=1) - 0.6
        b = x[:, 200, 10] + x[:, 200, 11] - 3
        logit = ops.stack([a, b], axis=1)
        return {"logit": logit, "probability": ops.sigmoid(logit)}

    def compute_output_shape(self, shape):
        return {name: (shape[0], 2) for name in ("logit", "probability")}


@pytest.fixture(scope="module")
def named():
    inputs = keras.Input((900, 12))
    return NamedModel(keras.Model(inputs, Sums()(inputs)), ("A", "B"), RATE)


@pytest.fixture(scope="module")
def spike():
    """A record whose V5 holds 2 mV and V6 4 mV between 1.9 and 2.1 s."""
    x = np.zeros((1, 900, 12), np.float32)
    x[0, 190:210, LEADS.index("V5")] = 2
    x[0, 190:210, LEADS.index("V6")] = 4
    return x


def test_a_part_is_where_its_leads_waves_and_interval_meet():
    parts = Parts(heart()[None], RATE)
    part = Part.of("qrs:v1:V6:2-3.5")
    assert part == Part(("V1", "V6"), ("QRS",), 2.0, 3.5)
    assert str(part) == "QRS V1,V6 2-3.5 s"
    mask = parts.mask(part)[0]
    inside = (
        parts.waves[0, :, WAVES.index("QRS")] & (np.arange(900) >= 200) & (np.arange(900) < 350)
    )
    assert inside.any()
    np.testing.assert_array_equal(mask[:, LEADS.index("V6")], inside)
    assert not mask[:, LEADS.index("V2")].any()
    assert parts.mask(Part())[0].all()


def test_without_the_qrs_of_one_lead_the_model_sees_only_its_other_waves(named):
    x = heart()[None]
    result = what_if(named, x, Part.of("QRS:V1"), "A", fill="bridge")
    t_wave = x[0, :, 6].max() * 0.3
    assert result.logit_before[0, 0] == pytest.approx(x[0, :, 6].max() - 0.6, abs=1e-5)
    assert result.logit_after[0, 0] == pytest.approx(t_wave - 0.6, abs=0.05)
    others = [lead for lead in range(12) if lead != 6]
    np.testing.assert_array_equal(result.signals[..., others], x[..., others])


def test_the_mean_beat_in_place_of_a_beat_takes_only_what_is_its_own(named):
    x = heart()[None].copy()
    x[0, 440:460, 6] += 1.0  # of the fifth beat alone
    result = what_if(named, x, Part((), (), 4.2, 4.8), "A", fill="beat")
    assert result.logit_before[0, 0] > 1.2
    assert result.logit_after[0, 0] == pytest.approx(heart()[:, 6].max() - 0.6, abs=0.25)


def test_leads_and_segments_are_ranked_with_their_sign():
    maps = np.zeros((1, 900, 12, 1), np.float32)
    maps[0, 100:110, 6] = 0.3
    maps[0, 500:510, 0] = -0.6
    maps[0, 800:805, 0] = 0.2
    result = explanation(maps)
    leads = top_leads(result, 0, "A", 2)
    assert [r.part.leads for r in leads] == [("I",), ("V1",)]
    assert [r.attribution for r in leads] == pytest.approx([-5, 3], abs=1e-4)
    assert [r.share for r in leads] == pytest.approx([-5 / 8, 3 / 8], abs=1e-4)
    segments = top_segments(result, 0, "A", 3, window=0.2, stride=0.1, per_lead=True)
    assert [r.part.leads for r in segments] == [("I",), ("V1",), ("I",)]
    assert [r.share for r in segments] == pytest.approx([-0.6, 0.3, 0.1], abs=1e-4)
    assert segments[0].part.start <= 5.0 < segments[0].part.end
    starts = [r.part.start for r in top_segments(result, 0, "A", 9)]
    assert all(abs(a - b) >= 0.2 - 1e-9 for a in starts for b in starts if a != b)


def test_the_least_evidence_turns_the_decision_and_none_of_it_can_be_spared(named, spike):
    result = explain(named, spike, "B", "gradient_x_input")
    flip = smallest_flip(named, result, spike, "B", 0.5, by="window", fill="zero")
    assert flip.turned
    assert [part.leads for part in flip.parts] == [("V6",)]  # V5 alone is below 3 mV
    assert flip.before == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-5)
    assert flip.after == pytest.approx(1 / (1 + np.exp(1)), abs=1e-5)
    again = what_if(named, spike, flip.parts, "B", fill="zero")
    assert again.after[0, 0] == pytest.approx(flip.after)


def test_a_decision_that_nothing_turns_is_said_to_stand(named, spike):
    result = explain(named, spike, "B", "gradient_x_input")
    flip = smallest_flip(named, result, spike, "B", 0.01, by="window", fill="zero")
    assert not flip.turned
    assert flip.parts == ()
    assert flip.after >= 0.01


def test_maps_of_whole_leads_turn_decisions_by_leads(named, spike):
    result = explain(named, spike, "B", "shapley", permutations=2)
    flip = smallest_flip(named, result, spike, "B", 0.5, fill="zero")
    assert flip.turned
    assert [str(part) for part in flip.parts] == ["V6"]
