"""The contract holds on another backend: models and layers are written in keras.ops alone."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CONTRACT = [
    Path(__file__).with_name(f"test_{part}.py") for part in ("contract", "forward", "parallel")
]
CONTRACT += [Path(__file__).parents[1] / "training" / "test_discriminant.py"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra 'jax'")
def test_the_contract_test_passes_on_jax():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider", *CONTRACT],
        env=environment, cwd=CONTRACT[0].parents[2], capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
