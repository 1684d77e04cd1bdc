"""The networks inside a model: one, those of a mean, or the one that reads overlapping crops.

A method that looks at a layer must look into each of them: what holds them together has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import keras

from ecglens.errors import ParameterError, did_you_mean
from ecglens.models.additive import parts_of
from ecglens.models.crops import Crops, JoinCrops, crops_of
from ecglens.models.ensemble import MeanOfMembers, members_of


@dataclass(frozen=True)
class Network:
    """A network of a model whose logit is a mean.

    Parameters
    ----------
    model : keras.Model
        Whose layers can be named.
    weight : float
        Of its logit in the mean of all networks; weights sum to one.
    starts : tuple of int, optional
        Samples at which the crops begin whose answers are its own mean; without it, it reads the
        record whole.
    """

    model: keras.Model
    weight: float = 1.0
    starts: tuple[int, ...] | None = None

    @property
    def slope(self) -> float:
        """By how much the model's logit grows with the network's, of a record or a crop."""
        return self.weight / len(self.starts or (0,))


def networks_of(model: keras.Model) -> list[Network]:
    """Return the networks of a model, in the order in which it holds them."""
    cropped = crops_of(model)
    if cropped:
        return [replace(n, starts=cropped.starts) for n in networks_of(cropped.network)]
    members = members_of(model)
    if members == [model]:
        return [Network(model)]
    return [
        replace(network, weight=network.weight / len(members))
        for member in members
        for network in networks_of(member)
    ]


def choose_layers(model: keras.Model, name: str | None = None) -> tuple[str, ...]:
    """Return the layer to look at in each network of a model.

    Parameters
    ----------
    model : keras.Model
    name : str, optional
        Of a layer that every network has; the last with a feature map over time without it, which
        may be another one in each.

    Raises
    ------
    ParameterError
        If not every network has the layer, or it has no feature map over time.
    """
    networks = [network.model for network in networks_of(model)]
    usable = [feature_layers(network) for network in networks]
    if name is None:
        if not all(usable):
            found = f"none with a feature map in {model.name}"
            raise ParameterError("layer", found, "at least one")
        return tuple(names[-1] for names in usable)
    common = [one for one in usable[0] if all(one in names for names in usable)]
    if name not in common:
        there = [name in [layer.name for layer in network.layers] for network in networks]
        found = f"no layer {name!r}"
        if all(there):
            found = f"{name!r}, which has no feature map over time"
        elif any(there):
            found = f"{name!r}, which {there.count(False)} of its {len(there)} networks have not"
        mend = did_you_mean(name, common)
        raise ParameterError("layer", found, f"a layer of {model.name} with a feature map", mend)
    return (name,) * len(networks)


def feature_layers(network: keras.Model) -> list[str]:
    """Return the names of the layers that give a feature map over time, first to last."""
    return [
        layer.name
        for layer in network.layers
        if not isinstance(layer, keras.layers.InputLayer) and _is_map(layer.output)
    ]


def _is_map(output) -> bool:
    return len(getattr(output, "shape", ())) in (3, 4) and max(output.shape[1:-1]) > 1


def with_features(model: keras.Model, layers: tuple[str, ...]) -> keras.Model:
    """Return the same model, sharing its weights, that also gives features of its networks.

    Parameters
    ----------
    model : keras.Model
    layers : tuple of str
        One a network, in the order of :func:`networks_of`.

    Returns
    -------
    keras.Model
        With the outputs of the model and ``features``, a list of one tensor a network: of shape
        (batch, …), or (batch · crops, …) where it reads crops.
    """
    return _opened(model, iter(layers))


def _opened(model: keras.Model, layers: Iterator[str]) -> keras.Model:
    # A layer inside a nested model has no output in the graph around it, so the graph is drawn
    # again around nested models that give their features too.
    cropped, members = crops_of(model), members_of(model)
    if not cropped and members == [model]:
        features = [model.get_layer(next(layers)).output]
        return keras.Model(model.input, {**model.output, "features": features})
    inputs = keras.Input(model.input.shape[1:])
    if cropped:
        crop = cropped.network.input.shape[1]
        given = [_opened(cropped.network, layers)(Crops(crop)(inputs))]
        outputs = JoinCrops(crop, inputs.shape[1])(parts_of(given[0]))
    else:
        given = [_opened(member, layers)(inputs) for member in members]
        outputs = MeanOfMembers()([parts_of(one) for one in given])
    features = [features for one in given for features in one["features"]]
    return keras.Model(inputs, {**outputs, "features": features})
