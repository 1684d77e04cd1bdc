"""Pictures that a colour-blind reader and a grey print can tell."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from pictures import COLOUR_BLIND, apart, seen

from ecglens.plots.curves import COLOURS
from ecglens.plots.heat import FOR, HATCH, HATCHED_FROM, HEAT
from ecglens.plots.segments import WAVE_COLOURS

VISIONS = (None, *COLOUR_BLIND)


def test_the_simulation_knows_red_from_green_only_with_all_cones():
    # Chosen to be of one lightness for a reader without green cones.
    red, green = (0.78, 0.42, 0.30), (0.50, 0.56, 0.25)
    assert apart(red, green) > 2 * apart(red, green, "deuteranopia")
    assert seen((1, 1, 1)) == pytest.approx([100, 0, 0], abs=0.01)
    assert seen((1, 0, 0)) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)  # published


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_for_and_against_keep_apart_in_every_vision(vision, strength):
    against, favour = HEAT(0.5 - strength / 2)[:3], HEAT(0.5 + strength / 2)[:3]
    assert apart(against, favour, vision) > 60 * strength


@pytest.mark.parametrize("vision", VISIONS)
def test_heat_darkens_with_strength_and_equally_on_both_sides(vision):
    steps = np.linspace(0, 1, 11)
    favour = seen(HEAT(0.5 + steps / 2)[:, :3], vision)[:, 0]
    against = seen(HEAT(0.5 - steps / 2)[:, :3], vision)[:, 0]
    assert (np.diff(favour) < 0).all()
    assert (np.diff(against) < 0).all()
    if vision is None:  # as a grey print: the hatch is needed, and the shade alone is fair
        assert np.abs(favour - against).max() < 8


def test_the_tracing_and_the_hatch_stand_out_from_the_strongest_heat():
    for end in (HEAT(0.0), HEAT(1.0), FOR(1.0)):
        assert seen(end[:3])[0] > 50  # black is 0
    hatch = seen(to_rgb(HATCH["edgecolor"]))[0]
    for strength in (HATCHED_FROM, 0.5, 1.0):
        assert seen(HEAT(0.5 - strength / 2)[:3])[0] - hatch > 15


def test_waves_keep_apart_in_a_grey_print():
    lightness = sorted(seen(to_rgb(colour))[0] for colour in WAVE_COLOURS[:4])
    assert np.diff(lightness).min() > 10


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_of_neighbouring_curves_and_waves_keep_apart(vision):
    for one, other in combinations(map(to_rgb, COLOURS[:3]), 2):
        assert apart(one, other, vision) > 20
    for one, other in combinations(map(to_rgb, WAVE_COLOURS[:4]), 2):
        assert apart(one, other, vision) > 20
