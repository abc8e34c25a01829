"""Logs, records, secrets and directories on a real disk."""

from __future__ import annotations

import stat

import pytest

from metaflow_prefect.headless import examples
from metaflow_prefect.headless.errors import HeadlessError, HomeRefused
from metaflow_prefect.headless.files import layout, secret_files, service_logs
from metaflow_prefect.headless.files.layout import Layout


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_the_home_is_closed_to_others(tmp_path):
    home = Layout(home=tmp_path / "home")
    layout.prepare(home)
    secret = secret_files.get_or_create_secret(home.auth_string, prefix="prefect:")

    assert mode(home.home) == mode(home.private) == mode(home.logs) == 0o700
    assert mode(home.auth_string) == 0o600
    assert secret.startswith("prefect:")


def test_a_secret_is_made_once(tmp_path):
    path = tmp_path / "secret"

    assert secret_files.get_or_create_secret(path) == secret_files.get_or_create_secret(path)


def test_a_home_that_is_a_file_is_refused_in_clear_words(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(HomeRefused, match="PREFECT_HOME"):
        layout.prepare(Layout(home=tmp_path / "file" / "home"))


def test_following_goes_on_after_rotation(tmp_path):
    path = tmp_path / "server.log"
    path.write_text("old\n")
    follower = service_logs.Follower(path)
    assert list(follower.new_lines()) == ["old"]

    with path.open("a") as file:
        file.write("one\ntw")
    assert list(follower.new_lines()) == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    path.rename(tmp_path / "server.log.1")
    path.write_text("three\n")

    assert list(follower.new_lines()) == ["two", "three"]
    follower.close()


def test_following_waits_for_a_file_that_does_not_exist_yet(tmp_path):
    follower = service_logs.Follower(tmp_path / "late.log")
    assert list(follower.new_lines()) == []
    (tmp_path / "late.log").write_text("first\n")

    assert list(follower.new_lines()) == ["first"]
    follower.close()


def test_the_last_lines_of_a_log_are_the_last_lines(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("1\n2\n3\n")

    assert service_logs.last_lines(path, 2) == ("2", "3")
    assert service_logs.last_lines(tmp_path / "none.log", 2) == ()


def test_an_example_the_user_changed_stays(tmp_path):
    (tmp_path / "hello_flow.py").write_text("# mine\n")
    examples.install(tmp_path)

    assert (tmp_path / "hello_flow.py").read_text() == "# mine\n"
    assert examples.names() == ("data_pipeline", "hello_flow", "scheduled_flow")


def test_an_unknown_example_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(HeadlessError, match="hello_flow"):
        examples.text("nonsense")


def test_a_directory_of_the_users_keeps_its_mode(tmp_path):
    flows = tmp_path / "flows"
    flows.mkdir(mode=0o755)
    layout.prepare(Layout(home=tmp_path / "home"), flows, tmp_path / "storage")

    assert (mode(flows), mode(tmp_path / "storage")) == (0o755, 0o700)
