"""The wheel holds what it should, and brings the extension to an environment that has nothing else of ours."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXPECTED = Path(__file__).with_name("wheel_contents.txt")
PACKAGES = (
    "metaflow_prefect",
    "northflank/metaflow_northflank",
    "northflank/prefect_northflank",
    "northflank/northflank_emulator",
    "extension/metaflow_extensions",
)

pytestmark = pytest.mark.slow


def names(wheel: Path) -> list[str]:
    """The files in *wheel*, the version left out of the name of its metadata folder."""
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as archive:
        return sorted(
            name.replace(f"-{version}.dist-info", ".dist-info") for name in archive.namelist()
        )


@pytest.mark.golden
def test_the_wheel_holds_exactly_the_expected_files(wheel, golden):
    golden(EXPECTED, "".join(f"{name}\n" for name in names(wheel)))


def test_every_module_on_disk_is_in_the_wheel(wheel):
    on_disk = {
        path.relative_to((ROOT / package).parent).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    on_disk |= {
        path.as_posix().replace("templates/", "metaflow_prefect/templates/", 1)
        for path in (found.relative_to(ROOT) for found in (ROOT / "templates").iterdir())
        if path.suffix in {".jinja", ".py"}
    }

    assert on_disk <= set(names(wheel))


def test_metaflow_finds_us_through_top_level(wheel):
    """Beside another extension, Metaflow only looks at distributions that name the namespace there."""
    with zipfile.ZipFile(wheel) as archive:
        (top_level,) = (
            archive.read(name).decode().split()
            for name in archive.namelist()
            if name.endswith("top_level.txt")
        )

    assert top_level == [
        "metaflow_extensions",
        "metaflow_northflank",
        "metaflow_prefect",
        "northflank_emulator",
        "prefect_northflank",
    ]


def test_an_environment_without_the_wheel_has_nothing_of_ours(environment, flow):
    """The control: the tests below would pass by accident if the project leaked into environments."""
    refused = environment.attempt(flow, "prefect", "--help", cwd=flow.parent)

    assert refused.returncode != 0
    assert "No such command 'prefect'" in refused.stdout + refused.stderr


def test_a_clone_on_the_path_beside_the_installed_copy_does_not_conflict(with_wheel, sources):
    assert with_wheel.call("-c", "import metaflow; print('imported')", cwd=sources) == "imported\n"


def test_the_wheel_alone_brings_the_command_group(with_wheel, flow):
    shown = with_wheel.call(flow, "prefect", "--help", cwd=flow.parent)

    assert {"create", "run", "deploy", "trigger"} <= set(shown.split())


@pytest.mark.parametrize("form", [(), ("--standalone",)], ids=["plain", "standalone"])
def test_the_wheel_brings_all_that_compiling_needs(with_wheel, flow, form):
    with_wheel.call(flow, "prefect", "create", "out.py", *form, cwd=flow.parent)

    assert "--text" in with_wheel.call("out.py", "--help", cwd=flow.parent)


def test_prefect_knows_the_worker_type(with_wheel):
    found = with_wheel.call(
        "-c",
        "from importlib.metadata import entry_points\n"
        "for entry in entry_points(group='prefect.collections'):\n"
        "    entry.load()\n"
        "from prefect.workers.base import BaseWorker\n"
        "print(BaseWorker.get_worker_class_from_type('northflank').__module__)\n",
    )

    assert found.startswith("prefect_northflank.")


def test_the_emulator_is_a_command(with_wheel):
    command = with_wheel.folder / "bin" / "northflank-emulator"

    assert "--port" in with_wheel.call(command, "--help")


def test_another_extension_built_with_setuptools_does_not_hide_us(
    environment, wheel, other_extension, flow
):
    environment.pip_install("--no-deps", "--no-index", wheel)
    environment.pip_install("--no-deps", other_extension)

    assert "deploy" in environment.call(flow, "prefect", "--help", cwd=flow.parent).split()
    assert "greets" in environment.call(flow, "other", "greet", cwd=flow.parent).split()


def test_an_editable_install_brings_the_command_group(environment, sources, flow):
    environment.pip_install("--no-deps", "--editable", sources)

    assert "deploy" in environment.call(flow, "prefect", "--help", cwd=flow.parent).split()
    assert str(sources) in environment.call("-c", "import metaflow_prefect as m; print(m.__file__)")


@pytest.fixture
def other_extension(tmp_path: Path) -> Path:
    """Somebody else's Metaflow extension, as a project to install: it adds the command `other`."""
    project = tmp_path / "other_extension"
    plugins = project / "metaflow_extensions" / "other" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "mfextinit_other.py").write_text('CLIS_DESC = [("other", ".other_cli.cli")]\n')
    (plugins / "other_cli.py").write_text(
        "from metaflow._vendor import click\n"
        "@click.group()\n"
        "def cli(): pass\n"
        "@cli.group()\n"
        "def other(): pass\n"
        "@other.command()\n"
        "def greet(): click.echo('other greets')\n"
    )
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "other-extension"\nversion = "1"\n'
        '[tool.setuptools]\npackages = ["metaflow_extensions.other.plugins"]\n'
    )
    return project
