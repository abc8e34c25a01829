"""These tests install two versions, one over the other, which takes ten minutes: `make test-upgrade` runs them, `make test` does not."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip them unless this folder is asked for."""
    if any(HERE.name in argument for argument in config.args):
        return
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason="make test-upgrade runs it"))
