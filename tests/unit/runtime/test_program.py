"""A generated file refuses to run with another runtime or another flow than it was made for."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from metaflow_prefect.errors import StaleGeneratedFile
from metaflow_prefect.runtime.flow.program import RUNTIME_API, Program, check_api


def program(folder, source="f.py", content=b"flow"):
    return Program(
        flow="F", source=source, sha256=hashlib.sha256(content).hexdigest(),
        metadata="local", datastore="local", location=str(folder / "out.py"),
    )  # fmt: skip


def test_the_flow_is_found_beside_the_generated_file_wherever_that_is(tmp_path):
    (tmp_path / "f.py").write_bytes(b"flow")

    assert program(tmp_path).flow_file == tmp_path / "f.py"


def test_a_missing_flow_is_named_with_the_place_where_it_was_looked_for(tmp_path):
    with pytest.raises(StaleGeneratedFile, match=str(tmp_path / "f.py")):
        _ = program(tmp_path).flow_file


def test_a_changed_flow_must_be_compiled_again(tmp_path):
    (tmp_path / "f.py").write_bytes(b"another flow")

    with pytest.raises(StaleGeneratedFile, match=r"has changed(.|\n)*prefect create out.py"):
        _ = program(tmp_path).flow_file


def test_a_file_for_another_runtime_is_refused():
    check_api(RUNTIME_API)

    with pytest.raises(StaleGeneratedFile, match="compile it again"):
        check_api(RUNTIME_API + 1)


def test_a_flow_reached_by_a_link_keeps_the_links_name_and_folder(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/real.py").write_bytes(b"flow")
    (tmp_path / "f.py").symlink_to("target/real.py")

    assert program(tmp_path).flow_file == tmp_path / "f.py"


def test_a_generated_file_reached_by_a_link_finds_the_flow_beside_its_target(tmp_path):
    for name in ("project", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "project/f.py").write_bytes(b"flow")
    (tmp_path / "project/out.py").touch()
    (tmp_path / "elsewhere/out.py").symlink_to(tmp_path / "project/out.py")

    assert program(tmp_path / "elsewhere").flow_file == tmp_path / "project/f.py"


def test_the_flow_is_called_as_one_would_where_its_steps_work(tmp_path, monkeypatch):
    (tmp_path / "f.py").write_bytes(b"flow")
    unpacked = replace(program(tmp_path), working_directory=str(tmp_path))

    monkeypatch.chdir("/")

    assert unpacked.script == "f.py"
    assert program(tmp_path).script == str(tmp_path / "f.py").lstrip("/")
