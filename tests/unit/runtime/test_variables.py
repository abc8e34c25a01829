"""Our environment variables have one list, and the documentation names no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from metaflow_prefect.runtime import variables

ROOT = Path(__file__).parents[3]
RUNTIME = ROOT / "metaflow_prefect/runtime"

KNOWN = {value for name, value in vars(variables).items() if name.isupper()}
OF_COMMANDS = ("METAFLOW_PREFECT_RUN_", "METAFLOW_PREFECT_DEPLOY_", "METAFLOW_PREFECT_TRIGGER_")
"""Click reads a command's options from variables with its name in front."""


def test_each_variable_is_described():
    tree = ast.parse(Path(variables.__file__).read_text())
    pairs = zip(tree.body, [*tree.body[1:], None], strict=True)
    undescribed = [
        ast.unparse(node)
        for node, after in pairs
        if isinstance(node, ast.Assign) and not isinstance(after, ast.Expr)
    ]
    assert undescribed == []


def test_only_the_list_and_what_stands_alone_name_a_variable():
    named = {
        path.relative_to(RUNTIME).parts[0]
        for path in RUNTIME.rglob("*.py")
        if "METAFLOW_PREFECT_" in path.read_text()
    }
    assert named == {"variables.py", "in_flow"}


def test_the_documentation_names_no_variable_that_does_not_exist():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        name for page in pages for name in re.findall(r"METAFLOW_PREFECT_\w+", page.read_text())
    }
    assert {name for name in named if not name.startswith(OF_COMMANDS)} <= KNOWN
