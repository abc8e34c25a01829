"""Which files of a uv project travel with its flow, and which locks are refused before anything is created."""

from __future__ import annotations

import pytest

from metaflow_prefect.analysis.uv_project import examine

PROJECT = """
[project]
name = "My_Project"
version = "1"
requires-python = ">=3.10"
dependencies = ["Small.Package>=1,<2", "other[extra] ; sys_platform == 'linux'"]
[project.optional-dependencies]
more = ["third~=1.0"]
"""
LOCK = """
version = 1
requires-python = ">=3.10"

[[package]]
name = "my-project"
version = "1"
source = { virtual = "." }

[package.metadata]
requires-dist = [
    { name = "other", extras = ["extra"], marker = "sys_platform == 'linux'" },
    { name = "small-package", specifier = "<2,>=1" },
    { name = "third", marker = "extra == 'more'", specifier = "~=1.0" },
]
"""
SUFFIXES = (".py",)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": LOCK, "flow.py": "", "data.csv": ""})
    return tmp_path


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def reasons(folder):
    project, findings = examine(folder, SUFFIXES)
    assert (project is None) == bool(findings)
    return [finding.reason for finding in findings]


def test_of_a_project_that_is_no_package_two_files_travel(folder):
    (folder / "flows").mkdir()
    project, findings = examine(folder / "flows", SUFFIXES)

    assert findings == ()
    assert project is not None
    assert set(project.files) == {"pyproject.toml", "uv.lock"}
    assert (project.folder, project.requires_python) == (".", ">=3.10")
    assert project.beside_the_flow["uv.lock"] == LOCK.encode()


def test_a_package_travels_with_its_sources_and_what_its_description_names(folder):
    description = PROJECT.replace(
        "[project]\n", '[project]\nreadme = "README.md"\nlicense-files = ["LIC*"]\n', 1
    )
    write(folder, {
        "pyproject.toml": description, "uv.lock": LOCK.replace("virtual", "editable"), "README.md": "", "LICENSE": "",
        "src/my_project/__init__.py": "", ".venv/lib/no.py": "", "notes.md": "",
        "out.py": "# Compiled by metaflow-prefect-northflank 1 from flow.py",
    })  # fmt: skip
    project, _ = examine(folder, SUFFIXES)

    assert project is not None
    assert set(project.files) == {
        "pyproject.toml", "uv.lock", "README.md", "LICENSE", "flow.py", "src/my_project/__init__.py",
    }  # fmt: skip


def test_a_member_of_a_workspace_travels_with_the_other_members(folder):
    member = '\n[[package]]\nname = "lib"\nversion = "1"\nsource = { editable = "packages/lib" }\n'
    write(folder, {
        "uv.lock": LOCK.replace("virtual", "editable").replace('= "."', '= "packages/my"') + member,
        "packages/my/pyproject.toml": PROJECT, "packages/my/flow.py": "",
        "packages/lib/pyproject.toml": '[project]\nname = "lib"\n', "packages/lib/lib.py": "",
    })  # fmt: skip
    project, findings = examine(folder / "packages/my", SUFFIXES)

    assert findings == ()
    assert project is not None
    assert project.folder == "packages/my"
    assert set(project.files) == {
        "pyproject.toml", "uv.lock", "packages/my/pyproject.toml", "packages/my/flow.py",
        "packages/lib/pyproject.toml", "packages/lib/lib.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"pyproject.toml": PROJECT.replace(">=3.10", ">=3.12")},
            "uv.lock is out of date: it is for Python >=3.10, and pyproject.toml has requires-python = '>=3.12'",
        ),
        (
            {"pyproject.toml": PROJECT.replace("<2", "<3").replace("other[extra]", "other")},
            "uv.lock is out of date: pyproject.toml asks for other versions than it has of other, small-package",
        ),
        (
            {"pyproject.toml": PROJECT.replace("third~=1.0", "fourth")},
            "uv.lock is out of date: pyproject.toml asks for other versions than it has of fourth, third",
        ),
        (
            {"pyproject.toml": PROJECT.replace("My_Project", "renamed")},
            "uv.lock is not the lock of this project: it has no package renamed",
        ),
        ({"pyproject.toml": "[tool.ruff]\n"}, "pyproject.toml has no [project] with a name"),
        (
            {
                "pyproject.toml": PROJECT
                + '[[tool.uv.index]]\nurl = "https://me:pass@host/simple"\n'
            },
            "pyproject.toml has an address with a password in it, and would carry it into the deployment",
        ),
        (
            {"uv.lock": LOCK + '[[package]]\nname = "near"\nsource = { editable = "../near" }\n'},
            "its package near is at ../near, outside the project's folder, and would not travel with the flow",
        ),
    ],
)
def test_a_lock_that_does_not_fit_is_refused(folder, changed, reason):
    write(folder, changed)

    assert reasons(folder) == [reason]


@pytest.mark.parametrize(
    ("absent", "named", "remedy"),
    [
        ("uv.lock", "uv.lock", "run `uv lock` in the project"),
        ("pyproject.toml", "pyproject.toml", "begin a project: `uv init --bare`"),
    ],
)
def test_a_project_without_its_files_is_refused(folder, absent, named, remedy):
    (folder / absent).unlink()
    _, (finding,) = examine(folder, SUFFIXES)

    assert finding.reason.startswith(f"there is no {named} in {folder} or above it")
    assert finding.remedy.startswith(remedy)


def test_a_file_that_is_no_toml_is_refused(folder):
    (folder / "uv.lock").write_text("<<<<<<< HEAD\n")

    (reason,) = reasons(folder)
    assert reason.startswith("the project's files can't be read (")


def test_requirements_that_a_build_finds_out_are_not_compared(folder):
    dynamic = PROJECT.replace(
        'dependencies = ["Small', 'dynamic = ["dependencies"]\nothers = ["Small'
    )
    write(folder, {"pyproject.toml": dynamic})

    assert reasons(folder) == []


def test_this_package_may_be_locked_from_a_clone_beside_the_project(folder):
    ours = '[[package]]\nname = "metaflow-prefect-northflank"\nsource = { editable = "../clone" }\n'
    write(folder, {"uv.lock": LOCK + ours})

    assert reasons(folder) == []
