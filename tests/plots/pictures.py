"""Comparison of a figure with its picture in ``baselines``, and colour vision, for tests of plots.

After a change that is meant: ECGLENS_WRITE_BASELINES=1 pytest tests/plots/test_baselines.py, and
look at what changed.
"""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from ecglens.plots.heat import figure_bytes

BASELINES = Path(__file__).parent / "baselines"
WIDTH = 700  # pixels; enough to see every wave, a letter's pixels do not matter
BLUR = 1.5  # pixels: letters of another FreeType differ less
LARGEST_DIFFERENCE = 4.0  # of 255, root mean square of the worst of 8 × 8 tiles

# Machado et al. 2009 (IEEE Trans. Vis. Comput. Graph. 15:1291), severity 1, on linear RGB.
COLOUR_BLIND = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}
# Of sRGB, CIE 1931 2°, D65.
_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
_WHITE = np.array([0.95047, 1.0, 1.08883])


def rendered(figure):
    """Return a figure as RGB, (height, WIDTH, 3) in 0 to 255, averaged from its full size."""
    picture = Image.open(io.BytesIO(figure_bytes(figure, "png"))).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    return picture.resize((WIDTH, height), Image.Resampling.BOX)


def difference(one, other):
    """Return the root mean square difference of the worst tile of two RGB pictures of one size."""
    soft = ImageFilter.GaussianBlur(BLUR)
    one, other = (np.asarray(p.filter(soft), np.float64) for p in (one, other))
    assert one.shape == other.shape, f"{one.shape} and {other.shape}"
    tiles = [
        np.sqrt(np.mean(tile**2))
        for rows in np.array_split(one - other, 8)
        for tile in np.array_split(rows, 8, axis=1)
    ]
    return max(tiles)


def compare_with_baseline(figure, name):
    """Fail if a figure differs from its baseline by more than another version's letters do."""
    path, picture = BASELINES / f"{name}.png", rendered(figure)
    if os.environ.get("ECGLENS_WRITE_BASELINES"):
        path.parent.mkdir(exist_ok=True)
        picture.quantize(64).save(path, optimize=True)
    found = difference(picture.quantize(64).convert("RGB"), Image.open(path).convert("RGB"))
    assert found <= LARGEST_DIFFERENCE, f"{name} differs from its baseline by {found:.1f}"


def seen(rgb, vision=None):
    """Return CIE L*a*b* of sRGB colours (..., 3) in [0, 1], as a colour-blind reader sees them."""
    rgb = np.asarray(rgb, np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if vision:
        linear = np.clip(linear @ np.array(COLOUR_BLIND[vision]).T, 0, 1)
    ratio = linear @ np.array(_XYZ).T / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def apart(one, other, vision=None):
    """Return the colour difference ΔE (CIE 1976) of two colours; 2 is just seen, 20 at a glance."""
    return float(np.linalg.norm(seen(one, vision) - seen(other, vision)))
