"""The deployment files: what can be checked of them without Docker, a cluster, flox or systemd's PID 1."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import compose_spec
import pytest
import yaml

from metaflow_prefect.headless.settings.model import BY_NAME, VARIABLES

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "metaflow_prefect" / "headless" / "resources" / "deploy"
BIN = Path(sys.executable).parent


def test_the_dockerfile_pleases_hadolint():
    done = subprocess.run(
        [BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "path", sorted((DEPLOY / "kubernetes").glob("*.yaml")), ids=lambda p: p.name
)
def test_the_manifests_fit_kubernetes_schema(path):
    done = subprocess.run(
        [BIN / "kubernetes-validate", "--strict", path], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_fits_the_compose_specification():
    found = compose_spec.PyCompose.from_yaml((DEPLOY / "compose.yaml").read_text())
    found.validate()

    assert sorted(found.service_names()) == ["postgres", "prefect"]


@pytest.mark.parametrize(
    "path", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda p: p.name
)
def test_the_units_please_systemd(path, tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed on this machine")
    # `verify` wants the program to exist.
    unit = tmp_path / path.name
    unit.write_text(path.read_text().replace("/opt/prefect/bin/prefect-headless", "/bin/true"))
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)

    assert path.name not in done.stderr


@pytest.mark.parametrize(
    "path", [p for p in DEPLOY.rglob("*") if p.is_file()], ids=lambda p: p.name
)
def test_every_variable_in_a_deployment_file_is_one_that_is_read(path):
    known = {name for variable in VARIABLES for name in variable.names}
    known |= {"PREFECT_SERVER_UI_SERVE_BASE", "PREFECT_WORKER_WEBSERVER_HOST"}
    known |= {"PREFECT_WORKER_WEBSERVER_PORT"}
    lines = [line for line in path.read_text().splitlines() if not line.strip().startswith("#")]
    found = set(re.findall(r"\b(?:PREFECT|PG)[A-Z]*_?[A-Z_]+\b", "\n".join(lines)))

    assert {name for name in found if name.startswith(("PREFECT_", "PG"))} <= known


def test_every_untried_file_says_so():
    tried = {"nginx.conf"}
    silent = [
        path.name
        for path in DEPLOY.rglob("*")
        if path.is_file()
        and path.name not in tried
        and not re.search(r"NOT RUN|UNTESTED", path.read_text())
    ]

    assert silent == []


def test_every_variable_is_in_the_documentation_with_its_default_and_meaning():
    documented = (ROOT / "docs" / "headless.md").read_text()
    missing = [row for variable in VARIABLES if (row := table_row(variable.name)) not in documented]

    assert missing == []


def table_row(name):
    variable = BY_NAME[name]
    default = variable.default_is or (f"`{variable.default}`" if variable.default else "-")
    others = ", ".join(f"`{other}`" for other in variable.names if other != name) or "-"
    return f"| `{name}` | {default} | {others} | {variable.meaning} |"


def test_the_compose_file_gives_the_server_a_database_that_never_falls_back():
    found = yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    assert found["services"]["prefect"]["environment"]["PREFECT_STORAGE_STRICT"] == "1"
