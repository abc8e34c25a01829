"""Ports that are taken: all of a command in one pass."""

from __future__ import annotations

import socket

import pytest

from metaflow_prefect.headless.errors import PortTaken
from metaflow_prefect.headless.services.ports import NeededPort, free_port, require_free

HERE = "127.0.0.1"


def test_every_port_that_is_taken_is_named_with_its_variable():
    with socket.create_server((HERE, 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken) as taken:
            require_free(
                NeededPort("the server", HERE, port, "PREFECT_SERVER_PORT"),
                NeededPort("the emulator", HERE, free_port(HERE), "PREFECT_HEADLESS_EMULATOR_PORT"),
                NeededPort("worker 1's health probe", HERE, port, "PREFECT_WORKER_WEBSERVER_PORT"),
            )

    assert taken.value.problem == (
        f"the server cannot listen on {HERE}:{port}: another process does\n"
        f"worker 1's health probe cannot listen on {HERE}:{port}: another process does"
    )
    first, second = taken.value.fix.splitlines()
    assert "set PREFECT_SERVER_PORT to another port" in first
    assert "set PREFECT_WORKER_WEBSERVER_PORT to another port" in second


def test_a_port_beyond_the_last_one_is_refused():
    """Workers take the ports after the one that is named."""
    with pytest.raises(PortTaken, match="ports end at 65535"):
        require_free(
            NeededPort("worker 2's health probe", HERE, 65536, "PREFECT_WORKER_WEBSERVER_PORT")
        )


def test_a_host_that_does_not_exist_is_named_by_its_variable():
    with pytest.raises(PortTaken, match="Fix: correct PREFECT_SERVER_HOST"):
        require_free(NeededPort("the server", "nowhere.invalid", 4200, "PREFECT_SERVER_PORT"))
