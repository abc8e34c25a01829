"""Steps of unpacked code find there what Metaflow keeps on this machine, and leave nothing that is lost."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.steps import working_directory

DEPLOYED = {variables.DEPLOYMENT: "F/default"}


@pytest.fixture
def program(tmp_path) -> Program:
    """A program whose code is unpacked."""
    (tmp_path / "code").mkdir()
    return Program(
        flow="F", source="f.py", sha256="", metadata="local", datastore="local",
        location=str(tmp_path / "code/flow"), working_directory=str(tmp_path / "code"),
    )  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where the local datastore is."""
    monkeypatch.setattr("metaflow.metaflow_config.DATASTORE_SYSROOT_LOCAL", str(tmp_path / "home"))
    return tmp_path / "home" / ".metaflow"


def test_a_step_that_works_where_its_caller_does_needs_nothing(program, tmp_path):
    here = replace(program, working_directory=None)

    assert working_directory.link_local_folder(here, {}) is None
    assert not list((tmp_path / "code").iterdir())


def test_by_hand_it_is_the_folder_that_metaflow_finds_where_the_command_is_given(
    program, tmp_path, monkeypatch
):
    (tmp_path / "project/.metaflow").mkdir(parents=True)
    (tmp_path / "project/below").mkdir()
    monkeypatch.chdir(tmp_path / "project/below")

    folder = working_directory.link_local_folder(program, {})

    assert folder == tmp_path / "project/.metaflow"
    assert (tmp_path / "code/.metaflow").resolve() == folder


def test_a_deployed_run_uses_the_folder_beside_its_datastore(program, home):
    assert working_directory.link_local_folder(program, DEPLOYED) == home


def test_a_deployed_run_uses_the_folder_it_was_told(program, tmp_path):
    told = {**DEPLOYED, variables.LOCAL_FOLDER: str(tmp_path / ".metaflow")}

    assert working_directory.link_local_folder(program, told) == tmp_path / ".metaflow"


def test_a_folder_that_was_moved_away_is_not_made_again(program, tmp_path, home):
    told = {**DEPLOYED, variables.LOCAL_FOLDER: str(tmp_path / "gone/.metaflow")}

    assert working_directory.link_local_folder(program, told) == home
    assert not (tmp_path / "gone").exists()


def test_a_run_that_goes_on_finds_its_link_again(program, home):
    assert working_directory.link_local_folder(program, DEPLOYED) == home
    assert working_directory.link_local_folder(program, DEPLOYED) == home


def test_nothing_is_linked_where_nothing_of_the_run_is_local(program, tmp_path):
    remote = replace(program, datastore="s3", metadata="service")

    assert working_directory.link_local_folder(remote, {}) is None
    assert not list((tmp_path / "code").iterdir())


def test_relative_folders_of_metaflow_are_meant_from_where_they_were_given(
    program, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": "data", "METAFLOW_HOME": "/abs", "OTHER": "x"}

    moved = working_directory.environment(program, given)
    here = working_directory.environment(replace(program, working_directory=None), given)

    assert moved == {**given, "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path / "data")}
    assert here == given


def test_what_steps_write_beside_their_code_is_brought_back_and_said(program, tmp_path):
    said: list[str] = []
    code, here = tmp_path / "code", tmp_path / "here"
    here.mkdir()
    for name in ("f.py", "changed.txt"):
        (code / name).write_text("before")
        os.utime(code / name, ns=(0, 0))

    with working_directory.keep_written_files(program, here, said.append):
        (code / "changed.txt").write_text("after")
        (code / "deep").mkdir()
        (code / "deep/new.txt").write_text("new")
        (code / "__pycache__").mkdir()
        (code / "__pycache__/f.pyc").touch()

    (folder,) = here.iterdir()
    found = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert found == {"changed.txt": "after", "deep/new.txt": "new"}
    assert str(folder) in said[0]


def test_nothing_is_brought_back_where_nothing_was_written(program, tmp_path):
    (tmp_path / "here").mkdir()

    with working_directory.keep_written_files(program, tmp_path / "here", pytest.fail):
        pass

    assert not list((tmp_path / "here").iterdir())
