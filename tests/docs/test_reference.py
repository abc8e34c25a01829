"""The reference pages say what the program says, and the site is built without a warning."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli
from prefect_northflank import NorthflankWorkerVariables

from metaflow_prefect.cli import cli
from metaflow_prefect.cli.overview import SECTIONS
from metaflow_prefect.headless.settings.model import VARIABLES
from tests.docs import api_page, reference_pages

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.golden
def test_the_page_of_commands_is_made_from_the_commands(golden):
    page = reference_pages.commands(cli.commands["prefect"], SECTIONS)

    golden(REFERENCE / "commands.md", page)


@pytest.mark.golden
def test_the_page_of_job_variables_is_made_from_the_work_pools_schema(golden):
    schema = NorthflankWorkerVariables.model_json_schema()

    golden(REFERENCE / "job-variables.md", reference_pages.job_variables(schema))


@pytest.mark.golden
def test_the_page_of_settings_is_made_from_the_variables(golden):
    golden(REFERENCE / "settings.md", reference_pages.settings(VARIABLES))


@pytest.mark.golden
def test_the_page_of_the_python_interface_is_made_from_the_docstrings(golden):
    golden(REFERENCE / "python.md", api_page.page())


def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("zensical", reason="zensical is not installed (pip install '.[docs]')")
    config = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    (tmp_path / "zensical.toml").write_text(config, encoding="utf-8")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    built = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "build" / "site" / "tutorial.html").is_file()


def test_every_page_is_in_the_navigation():
    config = tomli.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}

    assert set(_linked(config["project"]["nav"])) == pages


def _linked(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for target in entry.values():
            if isinstance(target, str):
                yield target
            else:
                yield from _linked(target)
