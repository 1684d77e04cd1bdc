"""Faults are flagged in the lead that has them, with what was measured, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest
from sound_heart import found, heart, lead, record

from ecglens.quality import LIMITS, MEASURES, Severity, assess, flags_of, measures

RNG = np.random.default_rng


@pytest.mark.parametrize("rate", [100, 125, 250, 257, 360, 500, 1000])
@pytest.mark.parametrize("beats_a_minute", [45, 70, 150])
def test_a_sound_record_has_no_flag(rate, beats_a_minute):
    assert found(heart(rate, beats_a_minute=beats_a_minute), rate) == set()


def noisy(signal):
    signal[:, lead("V3")] += RNG(1).normal(0, 0.1, len(signal))


def burst(signal):
    signal[2000:2700, lead("V2")] += RNG(1).normal(0, 0.1, 700)


def hum(line):
    def change(signal):
        signal[:, lead("V4")] += 0.06 * np.sin(2 * np.pi * line * np.arange(len(signal)) / 500)

    return change


def wandering(signal):
    signal[:, lead("V6")] += np.sin(2 * np.pi * 0.25 * np.arange(len(signal)) / 500)


def missing(signal):
    signal[100:110, lead("V1")] = np.nan


def flat(signal):
    signal[:, lead("V5")] = 0.3


def off(signal):
    noise = RNG(2).normal(0, 0.01, (2, len(signal)))
    signal[:, lead("V2")] = noise[0].cumsum() * 0.3 + noise[1]


def held(signal):
    signal[3000:3600, lead("V1")] = signal[3000, lead("V1")]


def clipped(signal):
    signal[:, lead("V4")] = signal[:, lead("V4")].clip(max=0.8)


def offset(signal):
    signal[:, lead("V6")] += 12


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        (missing, ("missing", "V1")),
        (flat, ("flat", "V5")),
        (off, ("lead_off", "V2")),
        (held, ("held", "V1")),
        (clipped, ("clipped", "V4")),
        (offset, ("out_of_range", "V6")),
        (wandering, ("wander", "V6")),
        (hum(50), ("mains_50", "V4")),
        (hum(60), ("mains_60", "V4")),
        (noisy, ("noise", "V3")),
        (burst, ("burst", "V2")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_fault_is_flagged_in_its_own_lead_and_nothing_else_is(fault, flag):
    signal = heart()
    fault(signal)
    other = {("lead_off", "V3"), ("contact", "V3"), ("contact", "V2"), ("burst", "V3")}
    assert flag in found(signal)
    assert found(signal) - other == {flag}


@pytest.mark.parametrize(
    ("factor", "flags"),
    [
        (0.1, {"too_small"}),
        (0.001, {"too_small"}),
        (10, {"too_large", "out_of_range", "noise"}),
        (1000, {"too_large", "out_of_range", "noise", "burst", "wander"}),
    ],
)
def test_a_wrong_scale_is_flagged(factor, flags):
    kinds = {kind for kind, *_ in found(heart() * np.float32(factor))}
    assert flags & {"too_small", "too_large"} <= kinds
    assert kinds <= flags | {"mains_50", "mains_60"}


@pytest.mark.parametrize(
    ("limbs", "flags"),
    [
        ([0, 1, 2, 3, 5, 4], {"identity_aVL", "identity_aVF"}),
        ([0, 1, 2, 4, 3, 5], {"identity_aVR", "identity_aVL"}),
        ([1, 0, 2, 3, 4, 5], {"identity_II", "identity_aVL", "identity_aVF"}),
    ],
)
def test_limb_leads_under_each_others_names_break_their_identities(limbs, flags):
    signal = heart()
    signal[:, :6] = signal[:, limbs]
    kinds = {kind for kind, *_ in found(signal)}
    assert {kind for kind in kinds if kind.startswith("identity")} == flags


def test_an_inverted_avr_is_named_with_its_law_and_the_leads_in_it():
    signal = heart()
    signal[:, 3] *= -1
    (flag,) = assess(record(signal))
    assert flag.kind == "identity_aVR" and flag.leads == ("I", "II", "aVR")
    assert flag.sentence.startswith("aVR = -(I + II)/2 is off by 0.")
    assert flag.value > flag.limit == 0.02


def test_rounding_to_the_5_microvolts_of_mimic_breaks_no_identity():
    assert found((np.round(heart(noise=0.01) / 0.005) * 0.005).astype(np.float32)) == set()


def test_a_flat_limb_lead_is_flat_and_breaks_no_identity():
    signal = heart()
    signal[:, lead("aVL")] = 0
    assert found(signal) == {("flat", "aVL")}


def test_low_voltage_is_of_limb_and_chest_leads_apart():
    limb, chest = heart(), heart()
    limb[:, :6] *= 0.3
    chest[:, 6:] *= 0.3
    assert found(limb) == {("low_limb",)}
    assert found(chest) == {("low_chest",)}


# Flags


def test_flags_come_in_the_order_of_the_leads_and_say_what_was_measured():
    signal = heart()
    signal[:500, lead("V1")] = np.nan
    signal[:, lead("III")] = 1
    first, second = assess(record(signal))
    assert (first.kind, first.leads, first.sentence) == ("flat", ("III",), "lead III is flat")
    assert second.sentence == "lead V1 has 500 of 5000 samples missing (NaN)"
    assert second.value == pytest.approx(0.1) and second.limit == 0
    assert [str(flag) for flag in (first, second)] == ["flat:III=0", "missing:V1=0.1"]


def test_a_lead_that_is_missing_throughout_has_that_flag_alone():
    signal = heart()
    signal[:, lead("V2")] = np.nan
    assert found(signal) == {("missing", "V2")}


@pytest.mark.filterwarnings("error")
def test_missing_samples_and_flat_leads_are_named_and_make_a_record_unusable():
    signal = heart(100)
    signal[:7, 1] = np.nan
    signal[:, 6] = 0.4
    signal[:, 7] = np.nan
    signal[10:, 8] = np.nan
    signal[:10, 8] = 0.0
    unusable = [f for f in assess(record(signal, 100)) if f.severity is Severity.UNUSABLE]
    assert sorted(flag.sentence for flag in unusable) == [
        "lead II has 7 of 1000 samples missing (NaN)",
        "lead V1 is flat",
        "lead V2 has 1000 of 1000 samples missing (NaN)",
        "lead V3 has 990 of 1000 samples missing (NaN)",
        "lead V3 is flat",
    ]


def test_a_mild_fault_is_a_note_and_a_gross_one_a_warning():
    limit = LIMITS["wander"]
    for extent, severity in ((1.1 * limit.value, "note"), (1.2 * limit.warning, "warning")):
        signal = heart()
        drift = np.sin(2 * np.pi * 0.1 * np.arange(len(signal)) / 500)
        signal[:, lead("V6")] += extent / 2 * drift
        (flag,) = [f for f in assess(record(signal)) if f.kind == "wander"]
        assert flag.severity == severity


def test_every_warning_limit_is_beyond_that_of_its_note():
    for limit in LIMITS.values():
        if limit.warning is not None:
            beyond = limit.warning < limit.value if limit.below else limit.warning > limit.value
            assert limit.severity is Severity.NOTE and beyond


def test_hum_is_not_called_noise_as_well():
    signal = heart()
    signal[:, lead("V4")] += 0.3 * np.sin(2 * np.pi * 60 * np.arange(5000) / 500)
    assert measures(signal[None], 500)["noise"][0, lead("V4")] > LIMITS["noise"].value
    assert found(signal) == {("mains_60", "V4")}


def test_limits_can_be_changed_and_left_out():
    signal = heart()
    wandering(signal)
    strict = {"wander": replace(LIMITS["wander"], value=0.01)}
    assert {flag.leads[0] for flag in assess(record(signal), strict)} > {"V6"}
    assert assess(record(signal), {}) == []


def test_every_limit_is_of_a_measure_and_its_sentence_can_be_written():
    for limit in LIMITS.values():
        assert limit.measure in MEASURES.names
        words = {"lead": "V1", "value": 1.0, "limit": 1.0, "samples": 9, "count": 1}
        assert "{" not in limit.sentence.format(**words)


def test_the_measures_of_many_records_give_a_list_of_flags_each():
    signals = np.stack([heart(100), heart(100)])
    signals[1, :, lead("V5")] = 0
    assert [[flag.kind for flag in flags] for flags in flags_of(measures(signals, 100))] == [
        [],
        ["flat"],
    ]
