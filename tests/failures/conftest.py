"""A server to fetch a data set from."""

import pytest
import small_ludb


@pytest.fixture
def server(tmp_path):
    """A server of a small LUDB."""
    with small_ludb.serving_set(tmp_path / "www") as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """Where a fetched set is to go; not there yet."""
    return tmp_path / "raw" / "ludb"
