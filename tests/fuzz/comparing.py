"""One random flow under Metaflow and through us."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.behaviour.cases import Case
from tests.behaviour.comparing import Way, compare
from tests.behaviour.running import Form
from tests.fuzz.source import source


def compare_seed(seed: int, root: Path, extra: Mapping[str, str]) -> list[str]:
    """Write flow *seed* into *root*, run it twice there, and return what differs."""
    case = Case(name=f"fuzz_{seed}", folder=root)
    case.file.write_text(source(seed))
    return compare(case, root, Way(name="compiled", form=Form.FILE, environment=extra))
