"""Which forms a session runs: all flows in the forms that `--as` names, or what `make test` needs."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the local forms where others were asked for."""
    forms = config.getoption("--as")
    if not forms or "local" in forms:
        return
    others = {"test_deployed.py"} if set(forms) - {"laptop"} else set()
    others |= {"test_on_northflank.py"} if "laptop" in forms else set()
    kept = [item for item in items if item.path.name in others]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
