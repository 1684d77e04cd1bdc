"""The mean beat in twelve panels: what is drawn where, on which scale, and what is refused."""

import numpy as np
import pytest

from ecglens.errors import ModelError
from ecglens.plots.beats import draw_beats
from ecglens.record import LEADS

OFFSETS = np.arange(-35, 56) / 100


def a_beat(height=1.0):
    """Return one R wave at nought in every lead, mV, (offsets, 12)."""
    heights = height * np.linspace(0.5, 1.5, 12)
    return np.exp(-((OFFSETS[:, None] / 0.02) ** 2)) * heights


def a_map(columns=12):
    """Return 0.02 for at 0.1 s and as much against at 0.3 s, in V1 or in all leads."""
    attribution = np.zeros((len(OFFSETS), columns))
    column = LEADS.index("V1") if columns == 12 else 0
    attribution[45, column], attribution[65, column] = 0.02, -0.02
    return attribution


def panels(figure):
    """Return the axes of each lead by name."""
    found = {axes.get_title(loc="left"): axes for axes in figure.axes}
    return {lead: found[lead] for lead in LEADS}


def line(axes, gid):
    (found,) = [line for line in axes.lines if line.get_gid() == gid]
    return found


def hatched(axes):
    """Return the (start, end) in s of what is hatched, or nothing."""
    outlines = [p.get_path().vertices[:, 0] for p in axes.patches if p.get_gid() == "against"]
    return [(x.min(), x.max()) for x in outlines]


def band(axes):
    """Return the values behind a lead, logit per second, (offsets,)."""
    return np.asarray(axes.images[0].get_array())[0]


def test_the_peak_is_at_nought_in_every_lead_and_all_leads_have_one_scale():
    drawn = panels(draw_beats(OFFSETS, a_beat(), a_map()))
    for lead, axes in drawn.items():
        mean = line(axes, "mean")
        assert mean.get_xdata()[mean.get_ydata().argmax()] == 0, lead
        assert set(line(axes, "R").get_xdata()) == {0.0}
        assert axes.get_ylim() == drawn["I"].get_ylim()
    assert drawn["V6"].get_ylim()[1] > 1.5
    np.testing.assert_allclose(line(drawn["I"], "mean").get_ydata().max(), 0.5, rtol=1e-6)


def test_a_lead_is_drawn_about_its_median():
    one, other = (
        line(panels(draw_beats(OFFSETS, a_beat() + offset, a_map()))["II"], "mean").get_ydata()
        for offset in (0.0, 3.0)
    )
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_each_column_of_a_map_is_behind_its_lead_at_its_time():
    drawn = panels(draw_beats(OFFSETS, a_beat(), a_map()))
    for lead, axes in drawn.items():
        strength = 2.0 if lead == "V1" else 0.0  # 0.02 a sample at 100 Hz
        assert band(axes).max() == pytest.approx(strength)
        assert axes.images[0].get_extent()[:2] == pytest.approx([-0.355, 0.555])
        assert bool(hatched(axes)) == (lead == "V1")
    assert OFFSETS[band(drawn["V1"]).argmax()] == pytest.approx(0.1)
    assert hatched(drawn["V1"]) == [pytest.approx((0.295, 0.305))]


def test_one_column_is_behind_every_lead():
    drawn = panels(draw_beats(OFFSETS, a_beat(), a_map(columns=1)))
    for axes in drawn.values():
        np.testing.assert_array_equal(band(axes), band(drawn["I"]))
        assert hatched(axes) == [pytest.approx((0.295, 0.305))]


def test_a_spread_is_drawn_where_it_is_known_and_has_room():
    beat = a_beat()
    without = panels(draw_beats(OFFSETS, beat, a_map()))["V6"]
    unknown = panels(draw_beats(OFFSETS, beat, a_map(), spread=np.full_like(beat, np.nan)))["V6"]
    wide = panels(draw_beats(OFFSETS, beat, a_map(), spread=np.full_like(beat, 0.4)))["V6"]
    drawn = [[c.get_gid() for c in axes.collections] for axes in (without, unknown, wide)]
    assert drawn == [[], [], ["spread"]]
    assert without.get_ylim() == unknown.get_ylim()
    assert wide.get_ylim()[1] >= without.get_ylim()[1] + 0.4


def test_the_scale_is_symmetric_and_says_what_goes_beyond_it():
    strong = np.full((len(OFFSETS), 12), 0.01)
    strong[35, 0] = 0.09
    bar = draw_beats(OFFSETS, a_beat(), strong).axes[-1]
    assert bar.get_ylabel() == "logit per second; up to 9 in size"
    ticks = {t.get_position()[1]: t.get_text() for t in bar.get_yticklabels()}
    assert ticks == {-1.0: "−1", 0.0: "0", 1.0: "+1"}
    assert (bar.get_title(), bar.get_xlabel()) == ("for", "against")


def test_a_map_without_a_sign_has_no_side_against():
    figure = draw_beats(OFFSETS, a_beat(), np.abs(a_map()), signed=False, unit="logit per mV")
    bar = figure.axes[-1]
    assert bar.get_xlabel() == ""
    assert bar.get_ylabel() == "logit per mV per second"
    assert not any(hatched(axes) for axes in panels(figure).values())


def test_nothing_but_noughts_can_be_drawn():
    nought = np.zeros((len(OFFSETS), 12))
    drawn = panels(draw_beats(OFFSETS, nought, nought))
    assert drawn["I"].get_ylim() == pytest.approx((-0.25, 0.25))
    assert not hatched(drawn["I"])


def test_dollar_signs_in_a_label_are_letters():
    figure = draw_beats(OFFSETS, a_beat(), a_map(), title="$A$: mean", subtitle="of $B$")
    assert [(t.get_text(), t.get_parse_math()) for t in figure.texts] == [
        ("$A$: mean", False), ("of $B$", False),
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(91, 3), (90, 12), (91,)])
def test_an_attribution_of_another_shape_is_refused(shape):
    with pytest.raises(ModelError, match="mean beat"):
        draw_beats(OFFSETS, a_beat(), np.zeros(shape))


def test_what_is_not_finite_is_refused():
    broken = a_map()
    broken[3] = np.nan
    with pytest.raises(ModelError, match="NaN or infinite"):
        draw_beats(OFFSETS, a_beat(), broken)
