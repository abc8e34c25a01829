"""A container works with the user's data as Metaflow does here, and no secret of this machine goes with it."""

from __future__ import annotations

from types import SimpleNamespace

from metaflow import metaflow_config
from metaflow_northflank.task.container_environment import metaflow_environment


def environment_of(kind="local"):
    obj = SimpleNamespace(
        flow_datastore=SimpleNamespace(TYPE="s3", datastore_root="s3://b/mf"),
        metadata=SimpleNamespace(TYPE="service"),
        environment=SimpleNamespace(TYPE=kind),
    )
    return metaflow_environment(obj, {"SHA": "x"}, "17", "ann")


def test_the_datastore_is_the_one_of_the_command_line():
    variables = environment_of()

    assert variables["METAFLOW_DATASTORE_SYSROOT_S3"] == "s3://b/mf"
    assert variables["METAFLOW_DEFAULT_DATASTORE"] == "s3"
    assert variables["METAFLOW_CODE_SHA"] == "x"


def test_neither_the_token_nor_the_key_of_the_metadata_service_goes_with_it(monkeypatch):
    monkeypatch.setenv("NORTHFLANK_API_TOKEN", "s3cret")
    monkeypatch.setitem(metaflow_config.SERVICE_HEADERS, "x-api-key", "s3cret")
    monkeypatch.setitem(metaflow_config.SERVICE_HEADERS, "x-team", "a")

    variables = environment_of()

    assert "s3cret" not in str(variables)
    assert variables["METAFLOW_SERVICE_HEADERS"] == '{"x-team": "a"}'


def test_local_metadata_is_kept_in_the_container_s_own_folder(monkeypatch):
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", "/home/ann")

    assert "METAFLOW_DATASTORE_SYSROOT_LOCAL" not in environment_of()


def test_uv_installs_into_the_project_s_environment_whatever_the_image_says():
    assert environment_of("uv")["UV_SYSTEM_PYTHON"] == "0"
    assert "UV_SYSTEM_PYTHON" not in environment_of()
