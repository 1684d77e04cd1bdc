"""Records of which data sets are built, and a server to fetch one from."""

import pytest
import small_ptb_xl

from ecglens.formats import wfdb


@pytest.fixture(scope="session")
def recordings(simulated_set):
    """Six simulated records at 500 Hz."""
    headers = sorted(simulated_set.glob("records500/*/*.hea"))[:6]
    return [wfdb.read(header) for header in headers]


@pytest.fixture(scope="session")
def real_recordings(ptb_xl):
    """Six records of PTB-XL, at 500 Hz: resampled where only 100 Hz is there."""
    headers = sorted(ptb_xl.glob("records500/*/*.hea"))[:6]
    headers = headers or sorted(ptb_xl.glob("records100/*/*.hea"))[:6]
    return [wfdb.read(header).resampled(500) for header in headers]


@pytest.fixture(params=["simulated", "PTB-XL"])
def signals(request):
    """Six records at 500 Hz, simulated and real."""
    name = {"simulated": "recordings", "PTB-XL": "real_recordings"}[request.param]
    return request.getfixturevalue(name)


@pytest.fixture
def server(tmp_path):
    """A server of a small PTB-XL."""
    with small_ptb_xl.serving_set(tmp_path / "www") as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """Where a fetched set is to go; not there yet."""
    return tmp_path / "raw" / "ptb-xl"
