"""Each flow's generated file is an expected file, and more than text; so are the IR and the deployment of some flows."""

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
ALWAYS = {"flow.py", "refused.txt"}

WHOLE = {
    "linear": "nothing but steps",
    "single_step": "a start that is the end",
    "custom_start_end": "a start and an end of other names",
    "split_in_foreach": "a split and a foreach with their joins",
    "nested_foreach_flow": "a foreach in a foreach, a parameter with a table",
    "foreach_in_switch": "a foreach that is not always reached",
    "switch_on_bool": "cases that are no text",
    "switch_on_config": "a config, and options it is given by",
    "recursive_switch": "a circle",
    "parallel": "a gang",
    "catch_with_retry": "@catch and @retry",
    "retry_after_a_pause": "a pause between attempts",
    "timeout_caught": "@timeout",
    "card": "@card",
    "environment": "@environment",
    "secrets_inline": "@secrets",
    "resources_and_schedule": "@resources and @schedule",
    "exit_hook": "@exit_hook, called on success",
    "exit_hook_on_error": "@exit_hook, called on failure",
    "parameters": "a parameter of each type",
    "parameters_by_environment": "a parameter that must be given",
    "parameter_none": "a default that is None",
    "parameter_default_function": "a default that is a function",
    "parameters_with_awkward_names": "names that Prefect or Python takes otherwise",
    "parameters_with_clashing_names": "names that the generated file uses, too",
    "parameters_with_odd_values": "values that are hard to write down",
    "include_file": "a file as a parameter",
    "flow_mutator": "what a mutator has added",
    "nightly_project_flow": "@project with a time zone, all at once",
    "northflank": "@northflank",
    "digits_flow": "the example of the README",
}
"""The flows whose IR and deployment are expected files as well, each for what no other of them has.

Of all others they would repeat these: a thousand lines of diff for one changed field, which nobody would read.
"""

# The first of them compiles all flows.
pytestmark = [pytest.mark.golden, pytest.mark.timeout(600)]


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


def kept(compiled: Path) -> set[Path]:
    """Return which of the files below *compiled* are expected ones, as relative paths."""
    made = {path.relative_to(compiled) for path in compiled.glob("*/*")}
    return {path for path in made if path.parent.name in WHOLE or path.name in ALWAYS}


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_compiles_to_what_is_expected(name, compiled, golden):
    for path in sorted(kept(compiled)):
        if path.parent.name == name:
            golden(path, (compiled / path).read_text())


def test_the_flows_that_are_expected_whole_exist():
    assert WHOLE.keys() <= set(NAMES)


def test_no_expected_file_is_left_over(compiled, request):
    expected = {
        path.relative_to(EXPECTED)
        for path in EXPECTED.glob("*/*")
        if "__pycache__" not in path.parts
    }
    made = kept(compiled)
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


def has_containers(module):
    return any(step.container for step in module.STEPS)


@pytest.mark.parametrize("name", generated_files())
def test_a_generated_file_is_a_prefect_flow_of_prefect_tasks(name):
    from prefect import Flow, Task

    module = imported(name)
    flow, *others = [item for item in vars(module).values() if isinstance(item, Flow)]

    assert [other.name for other in others] == (
        [f"{flow.name}.steps"] if has_containers(module) else []
    )
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
