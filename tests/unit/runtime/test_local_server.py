"""The local server's settings and its record, without a server."""

from __future__ import annotations

import pytest

from metaflow_prefect.errors import SettingRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.servers import local_server
from metaflow_prefect.runtime.servers.local_server_files import (
    Mode,
    RunningServer,
    ServerFiles,
    idle_seconds,
)

GONE = RunningServer(pid=1, url="http://127.0.0.1:9/api", prefect_version="3", idle_seconds=1.0)


def test_runs_share_a_server_unless_the_variable_says_otherwise():
    assert Mode.of({}) is Mode.SHARED
    assert Mode.of({variables.LOCAL_SERVER: "embedded"}) is Mode.EMBEDDED
    with pytest.raises(SettingRefused, match="no local server mode 'own'"):
        Mode.of({variables.LOCAL_SERVER: "own"})


@pytest.mark.parametrize("value", ["soon", "0", "-3"])
def test_an_idle_time_that_is_no_time_is_refused(value):
    with pytest.raises(SettingRefused, match=variables.LOCAL_SERVER_IDLE_SECONDS):
        idle_seconds({variables.LOCAL_SERVER_IDLE_SECONDS: value})


def test_a_record_survives_writing_and_is_nobody_else_s_to_read(tmp_path):
    files = ServerFiles.below(tmp_path / "home")
    files.write(GONE)

    assert files.read() == GONE
    assert files.folder.stat().st_mode & 0o077 == 0


def test_a_record_that_is_not_ours_counts_as_none(tmp_path):
    files = ServerFiles.below(tmp_path)
    for text in ("", "[]", '{"pid": 3}'):
        (files.folder / "server.json").write_text(text)
        assert files.read() is None


def test_a_recorded_server_that_does_not_answer_is_forgotten(tmp_path):
    ServerFiles.below(tmp_path).write(GONE)

    assert local_server.status(tmp_path).server is None
    assert local_server.stop(tmp_path) is None
    assert ServerFiles.below(tmp_path).read() is None


def test_nobody_may_begin_to_use_a_server_that_ends(tmp_path):
    files = ServerFiles.below(tmp_path)
    with files.using(), files.ending() as is_unused:
        assert not is_unused
    with files.starting(), files.ending() as is_unused:
        assert not is_unused
    with files.ending() as is_unused:
        assert is_unused
