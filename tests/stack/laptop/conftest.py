"""One laptop, one emulator and one S3 API for all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.stack.laptop.laptop import laptop as new_laptop


@pytest.fixture(scope="session")
def laptop(tmp_path_factory):
    with new_laptop(tmp_path_factory.mktemp("laptop")) as made:
        yield made


@pytest.fixture(autouse=True)
def heed_ctrl_c() -> Iterator[None]:
    """Let SIGINT end what a test starts, even where the tests themselves were started with `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
