"""Options that do not fit one another are refused where a model is built, by name."""

import pytest
from tiny import tiny

from ecglens.errors import ParameterError
from ecglens.models.options import paired


@pytest.mark.parametrize("name", ["cnn", "additive_resnet", "additive_leads"])
@pytest.mark.parametrize(("filters", "kernels"), [((2, 3), (5, 3, 3)), ((2, 3, 4, 4), (5, 3, 3))])
def test_convolutions_with_unequal_numbers_of_filters_and_kernels_are_refused(
    name, filters, kernels
):
    found = rf"{name}: filters, kernels: found {len(filters)} and 3 numbers, .*\[5, 3, 3\]"
    with pytest.raises(ParameterError, match=found):
        tiny(name, filters=filters, kernels=kernels)


def test_options_of_equal_length_stand_side_by_side():
    assert paired("cnn", filters=(32, 64), kernels=(5, 3)) == [(32, 5), (64, 3)]


@pytest.mark.parametrize("fine", [-1, 3, 9])
def test_more_fine_steps_than_there_are_poolings_are_refused(fine):
    with pytest.raises(ParameterError, match=rf"additive_resnet: fine: found {fine}; .* 0 to 2"):
        tiny("additive_resnet", fine=fine)


@pytest.mark.parametrize("halved", [(0,), (4,), (1, 9)])
def test_halving_behind_a_module_that_there_is_not_is_refused(halved):
    found = rf"additive_inception: halved: found {halved[-1]} of 3 modules; expected 1 to 3"
    with pytest.raises(ParameterError, match=found):
        tiny("additive_inception", halved=halved)


@pytest.mark.parametrize("halved", [(0,), (3,), (1, 9)])
def test_a_stage_that_there_is_not_cannot_halve_time(halved):
    found = rf"additive_xresnet: halved: found {halved[-1]} of 2 stages; expected 1 to 2"
    with pytest.raises(ParameterError, match=found):
        tiny("additive_xresnet", halved=halved)


def test_stages_and_kernels_of_unequal_number_are_refused():
    found = r"additive_xresnet: blocks, kernels: found 2 and 3 numbers"
    with pytest.raises(ParameterError, match=found):
        tiny("additive_xresnet", kernels=(5, 3, 1))


@pytest.mark.parametrize(
    ("name", "options"),
    [("xresnet1d101", {"kernel": 4}), ("additive_xresnet", {"kernels": (5, 4)})],
)
def test_an_even_kernel_that_is_padded_alike_on_both_sides_is_refused(name, options):
    with pytest.raises(ParameterError, match=rf"{name}: kernels?: found 4; expected an odd number"):
        tiny(name, **options)


@pytest.mark.parametrize("name", ["ecg_imn", "ecg_imn_categorical"])
@pytest.mark.parametrize("widths", [(), (3,), (3, 2, 2)])
def test_a_decoder_that_does_not_undo_the_encoders_halvings_is_refused(name, widths):
    found = rf"{name}: widths: found {len(widths)}, .* expected 2, one for each of 3 filters"
    with pytest.raises(ParameterError, match=found):
        tiny(name, widths=widths)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("additive_resnet", {"fine": 2}),
        ("additive_inception", {"halved": (1, 3)}),
        ("ecg_imn", {"filters": (2,), "widths": ()}),
        ("ecg_imn", {"filters": (2, 2, 3, 4), "widths": (4, 3, 2)}),
    ],
)
def test_options_that_just_fit_are_taken(name, options):
    assert tiny(name, samples=61, **options)
