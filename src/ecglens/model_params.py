"""Options of each model of the table, as ``params.yaml`` gives them under ``model:``.

What they mean stands beside each model's ``build``; here are their types and bounds, in a module
that loads nothing heavy. A test holds the two together.
"""

from dataclasses import dataclass

from ecglens.param_fields import at_least, between, one_of, within


@dataclass(frozen=True, kw_only=True)
class ConditioningParams:
    """Options that every model has; see :func:`ecglens.conditioning.condition`."""

    detrend_degree: int = at_least(0)
    scaling: str = one_of("none", "lead", "record", "zscore")
    band_pass: tuple[float, ...] = at_least(0.0)
    notch: float = at_least(0.0)


@dataclass(frozen=True, kw_only=True)
class ECGXPLAIMParams(ConditioningParams):
    """:mod:`ecglens.models.ecg_xplaim`."""

    filters: tuple[int, ...] = at_least(1)
    kernels: tuple[int, ...] = at_least(1)


@dataclass(frozen=True, kw_only=True)
class SignalCAMParams(ConditioningParams):
    """:mod:`ecglens.models.signal_cam`."""


@dataclass(frozen=True, kw_only=True)
class LeadImageParams(ConditioningParams):
    """:mod:`ecglens.models.lead_image`."""

    filters: tuple[int, ...] = at_least(1)
    kernel: int = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ECGIMNDirectParams(LeadImageParams):
    """:mod:`ecglens.models.ecg_imn_direct`."""

    l1: float = at_least(0.0)


@dataclass(frozen=True, kw_only=True)
class ECGIMNParams(ECGIMNDirectParams):
    """:mod:`ecglens.models.ecg_imn`, and its categorical form."""

    widths: tuple[int, ...] = at_least(1)


@dataclass(frozen=True, kw_only=True)
class CNNParams(ConditioningParams):
    """:mod:`ecglens.models.cnn`."""

    filters: tuple[int, ...] = at_least(1)
    kernels: tuple[int, ...] = at_least(1)
    hidden: int = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class GRUParams(ConditioningParams):
    """:mod:`ecglens.models.gru`."""

    units: tuple[int, ...] = at_least(1)
    hidden: tuple[int, ...] = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ResNetParams(ConditioningParams):
    """:mod:`ecglens.models.resnet`."""

    filters: tuple[int, ...] = at_least(1)
    kernel: int = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class XResNetBodyParams(ConditioningParams):
    """What networks with an xresnet's body share."""

    blocks: tuple[int, ...] = at_least(1)
    stem: tuple[int, ...] = at_least(1)
    filters: int = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class XResNetParams(XResNetBodyParams):
    """:mod:`ecglens.models.xresnet1d101`."""

    kernel: int = at_least(1)
    hidden: int = at_least(1)


@dataclass(frozen=True, kw_only=True)
class AdditiveXResNetParams(XResNetBodyParams):
    """:mod:`ecglens.models.additive_xresnet`."""

    kernels: tuple[int, ...] = at_least(1)
    halved: tuple[int, ...] = at_least(1)
    ceiling: float = between(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class InceptionModulesParams(ConditioningParams):
    """What networks of inception modules share."""

    depth: int = at_least(1)
    filters: int = at_least(1)
    bottleneck: int = at_least(1)
    kernels: tuple[int, ...] = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class InceptionParams(InceptionModulesParams):
    """:mod:`ecglens.models.inception1d`."""

    hidden: int = at_least(1)


@dataclass(frozen=True, kw_only=True)
class AdditiveInceptionParams(InceptionModulesParams):
    """:mod:`ecglens.models.additive_inception`."""

    halved: tuple[int, ...] = at_least(1)


@dataclass(frozen=True, kw_only=True)
class AdditiveLeadsParams(ConditioningParams):
    """:mod:`ecglens.models.additive_leads`."""

    filters: tuple[int, ...] = at_least(1)
    kernels: tuple[int, ...] = at_least(1)
    dropout: float = within(0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class AdditiveResNetParams(AdditiveLeadsParams):
    """:mod:`ecglens.models.additive_resnet`."""

    blocks: int = at_least(0)
    kernel: int = at_least(1)
    fine: int = at_least(0)
    pooling: str = one_of("mean", "attention")


@dataclass(frozen=True, kw_only=True)
class ModelParams:
    """Options of each model of the table, under the model's name."""

    ecg_xplaim: ECGXPLAIMParams
    signal_cam: SignalCAMParams
    ecg_imn: ECGIMNParams
    ecg_imn_categorical: ECGIMNParams
    ecg_imn_direct: ECGIMNDirectParams
    cnn: CNNParams
    gru: GRUParams
    resnet: ResNetParams
    cnn2d_gradcam: LeadImageParams
    xresnet1d101: XResNetParams
    inception1d: InceptionParams
    additive_resnet: AdditiveResNetParams
    additive_inception: AdditiveInceptionParams
    additive_xresnet: AdditiveXResNetParams
    additive_leads: AdditiveLeadsParams
