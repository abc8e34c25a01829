"""Each flow's IR, generated file and deployment plan are expected files; and the generated file is more than text."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
FLOWS = sorted((TESTS / "flows").glob("*.py")) + sorted(
    (TESTS.parent / "examples").glob("*_flow.py")
)
NAMES = [flow.stem for flow in FLOWS]
EXPECTED = Path(__file__).parent

pytestmark = pytest.mark.golden


def compile_all(out: Path, cwd: Path) -> Path:
    done = subprocess.run(
        [sys.executable, str(EXPECTED / "compile_all.py"), str(out), *map(str, FLOWS)],
        cwd=cwd, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> Path:
    return compile_all(tmp_path_factory.mktemp("compiled"), TESTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_compiles_to_what_is_expected(name, compiled, golden):
    for made in sorted((compiled / name).iterdir()):
        golden(f"{name}/{made.name}", made.read_text())


def test_no_expected_file_is_left_over(compiled, request):
    expected = {
        path.relative_to(EXPECTED)
        for path in EXPECTED.glob("*/*")
        if "__pycache__" not in path.parts
    }
    made = {path.relative_to(compiled) for path in compiled.glob("*/*")}
    if request.config.getoption("--update-golden"):
        for path in expected - made:
            (EXPECTED / path).unlink()
        return

    assert expected == made


def test_compiling_again_from_another_directory_gives_the_same_bytes(compiled, tmp_path):
    again = compile_all(tmp_path / "again", tmp_path)

    for first in compiled.glob("*/*"):
        assert first.read_bytes() == (again / first.relative_to(compiled)).read_bytes(), first


def generated_files():
    return sorted(path.parent.name for path in EXPECTED.glob("*/flow.py"))


def imported(name):
    path = EXPECTED / name / "flow.py"
    spec = importlib.util.spec_from_file_location(f"generated_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", generated_files())
def test_a_generated_file_is_a_prefect_flow_of_prefect_tasks(name):
    from prefect import Flow, Task

    module = imported(name)
    (flow,) = [item for item in vars(module).values() if isinstance(item, Flow)]

    assert all(isinstance(step.task, Task) for step in module.STEPS)
    assert flow.parameters.properties.keys() == {
        parameter.keyword for parameter in getattr(module, "PARAMETERS", ())
    }
    assert all(
        flow.parameters.properties[parameter.keyword].get("description") == parameter.help
        for parameter in getattr(module, "PARAMETERS", ())
        if parameter.help and "\n" not in parameter.help
    )


@pytest.mark.parametrize("name", generated_files())
def test_a_generated_file_has_no_helper_code_no_absolute_path_and_no_secret(name):
    module = imported(name)
    source = (EXPECTED / name / "flow.py").read_text()
    functions = [item for item in vars(module).values() if inspect.isfunction(item)]

    assert [item for item in functions if item.__module__ == module.__name__] == []
    assert re.findall(r"""["'](?:/|[A-Za-z]:\\)\w+/""", source) == []
    # The value that tests/flows give their secrets.
    assert "s3cr3t" not in source
