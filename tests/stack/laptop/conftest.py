"""One laptop, one emulator and one S3 API for all tests."""

from __future__ import annotations

import pytest

from tests.stack.laptop.laptop import laptop as new_laptop


@pytest.fixture(scope="session")
def laptop(tmp_path_factory):
    with new_laptop(tmp_path_factory.mktemp("laptop")) as made:
        yield made
