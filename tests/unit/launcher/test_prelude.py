"""A program is executed from its beginning elsewhere only if it has done nothing so far."""

from __future__ import annotations

import pytest

from metaflow_prefect.launcher.prelude import has_only_imported

HANDED_OVER = {
    "nothing before": "from metaflow import FlowSpec",
    "a comment and a docstring": "# a flow\n'''What it does.'''\nimport metaflow",
    "the standard library": "import os, json\nfrom pathlib import Path\nfrom metaflow import FlowSpec",
    "a submodule of Metaflow": "from metaflow.cards import Markdown",
    "a long import": "from __future__ import annotations\nfrom metaflow import (\n    FlowSpec,\n    step,\n)",
}
NOT_HANDED_OVER = {
    "output": "print('hello')\nfrom metaflow import FlowSpec",
    "another package": "import pandas\nfrom metaflow import FlowSpec",
    "a module of the user's": "from .common import thing\nfrom metaflow import FlowSpec",
    "an assignment": "import os\nos.environ['A'] = 'b'\nfrom metaflow import FlowSpec",
    "a condition around": "if True:\n    from metaflow import FlowSpec",
    "Metaflow by way of another module": "import common",
    "another statement in the line": "print('hello'); from metaflow import FlowSpec",
    "not Python": "from metaflow import",
}


@pytest.mark.parametrize("text", HANDED_OVER.values(), ids=HANDED_OVER)
def test_a_program_that_only_imports_is_handed_over(text):
    (line,) = [n for n, line in enumerate(text.splitlines(), 1) if "metaflow" in line]

    assert has_only_imported(text.encode(), line)


@pytest.mark.parametrize("text", NOT_HANDED_OVER.values(), ids=NOT_HANDED_OVER)
def test_a_program_that_does_anything_else_is_not(text):
    assert not has_only_imported(text.encode(), text.count("\n") + 1)


def test_what_comes_after_the_import_does_not_matter():
    assert has_only_imported(b"from metaflow import FlowSpec\nprint('hello')", 1)
