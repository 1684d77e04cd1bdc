"""The table of methods: what each needs of a model, what its values mean, where it comes from."""

from ecglens.explain.additive import additive
from ecglens.explain.gradcam import gradcam, gradcam_plus_plus, guided_gradcam
from ecglens.explain.gradients import gradient_x_input, integrated_gradients, saliency, smoothgrad
from ecglens.explain.method import Method
from ecglens.explain.occlusion import occlusion
from ecglens.explain.random_map import random_map
from ecglens.explain.shapley import shapley

_LOGIT, _PER_MV = "logit", "logit per mV"

METHODS: dict[str, Method] = {
    "additive": Method(
        additive, "additive model", complete=True, signed=True, unit=_LOGIT,
        summary="the exact shares that an additive model's logit is the sum of",
    ),
    "gradcam": Method(
        gradcam, "gradients", complete=False, signed=False, unit=_LOGIT,
        summary="Grad-CAM on any layer (Selvaraju et al. 2017)",
    ),
    "gradcam++": Method(
        gradcam_plus_plus, "gradients", complete=False, signed=False, unit=_LOGIT,
        summary="Grad-CAM++ on any layer (Chattopadhay et al. 2018)",
    ),
    "guided_gradcam": Method(
        guided_gradcam, "gradients", complete=False, signed=True, unit=_LOGIT,
        summary="guided backpropagation times Grad-CAM (Selvaraju et al. 2017)",
    ),
    "saliency": Method(
        saliency, "gradients", complete=False, signed=False, unit=_PER_MV,
        summary="size of the gradient (Simonyan et al. 2014)",
    ),
    "gradient_x_input": Method(
        gradient_x_input, "gradients", complete=False, signed=True, unit=_LOGIT,
        summary="gradient times signal (Shrikumar et al. 2016)",
    ),
    "smoothgrad": Method(
        smoothgrad, "gradients", complete=False, signed=False, unit=_PER_MV,
        summary="size of the mean gradient under noise (Smilkov et al. 2017)",
    ),
    "integrated_gradients": Method(
        integrated_gradients, "gradients", complete=True, signed=True, unit=_LOGIT,
        summary="gradients integrated from a baseline (Sundararajan et al. 2017)",
    ),
    "occlusion": Method(
        occlusion, "predictions", complete=False, signed=True, unit=_LOGIT,
        summary="loss without a lead, window or wave (Zeiler and Fergus 2014)",
    ),
    "shapley": Method(
        shapley, "predictions", complete=True, signed=True, unit=_LOGIT,
        summary="Shapley values of the leads, sampled or exact (Strumbelj and Kononenko 2014)",
    ),
    "random": Method(
        random_map, "predictions", complete=True, signed=True, unit=_LOGIT,
        summary="white noise: the baseline that the others must beat",
    ),
}  # fmt: skip
