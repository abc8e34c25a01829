"""The supervised programs and the supervisor's configuration."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import prefect
import pytest

from metaflow_prefect.headless.files.layout import MAX_SOCKET_PATH_BYTES, Layout
from metaflow_prefect.headless.services import services
from metaflow_prefect.headless.services.exec_service import SERVICES
from metaflow_prefect.headless.services.process_environment import Access
from metaflow_prefect.headless.services.services import Cluster, Plan
from metaflow_prefect.headless.services.supervisord_conf import configuration
from metaflow_prefect.headless.settings.database_address import from_url


@pytest.fixture
def plan(settings):
    """A stack with everything in it: managed cluster, emulator, two workers, secrets."""

    def make(home: str = "/home/of/stack", **environ: str) -> Plan:
        given = settings(PREFECT_HOME=home, PREFECT_HEADLESS_EMULATOR="1", **environ)
        return Plan(
            settings=given,
            layout=Layout(home=given.home),
            database=from_url("postgresql://pguser:hush@127.0.0.1:15432/prefect"),
            access=Access(
                auth_string="prefect:hush",
                emulator_url="http://127.0.0.1:8765",
                emulator_token="hush",
            ),
            cluster=Cluster(binaries=Path("/usr/bin"), directory=Path("/pg"), user=None),
            worker_ports=(8081, 8082),
            host_name="machine",
            emulator_port=8765,
        )

    return make


def test_services_start_in_the_order_of_their_needs(plan):
    names = [service.name for service in services.services(plan())]

    assert names == ["postgres", "server", "emulator", "worker", "worker-2"]


def test_no_secret_is_in_a_process_argument_or_in_the_configuration(plan):
    made = services.services(plan())

    assert "hush" not in configuration(plan().layout, made)
    assert "hush" not in " ".join(part for service in made for part in service.command)
    assert "hush" not in repr(made)


def test_only_the_server_gets_the_database(plan):
    holders = [
        service.name
        for service in services.services(plan())
        if "pguser:hush" in " ".join(service.environment.values())
    ]

    assert holders == ["server"]


def test_a_home_with_blanks_and_percent_signs_survives_the_configuration(plan):
    given = plan("/home/100% of stack")
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(given.layout, services.services(given)))

    assert parser["supervisord"]["directory"] == "/home/100%% of stack/work"
    assert shlex.split(parser["program:server"]["command"])[-1] == "server"


def test_several_api_processes_get_a_process_for_the_background_services(plan):
    given = plan(
        PREFECT_SERVER_WORKERS="2",
        PREFECT_STORAGE_TYPE="postgres",
    )
    made = {service.name: service for service in services.services(given)}

    assert made["server"].command[-2:] == ("--workers", "2")
    assert made["background"].command[-2:] == ("services", "start")
    assert made["background"].health_url is None
    for name in ("server", "background"):
        assert made[name].environment["PREFECT_MESSAGING_BROKER"] == "prefect_redis.messaging"


@pytest.mark.parametrize(
    ("said", "meant"),
    [("prefect-server", "server"), ("prefect-worker", "worker"), ("worker-2", "worker-2")],
)
def test_a_service_can_be_called_as_in_the_seed(said, meant):
    assert services.resolve_name(said, ("server", "worker", "worker-2")) == meant


def test_a_service_that_does_not_exist_has_no_name():
    assert services.resolve_name("redis", ("server",)) is None


def test_the_socket_of_a_very_long_home_lies_elsewhere():
    layout = Layout(home=Path("/" + "long/" * 30))

    assert len(str(layout.socket)) <= MAX_SOCKET_PATH_BYTES
    assert layout.socket != Layout(home=Path("/" + "lang/" * 30)).socket


def test_a_stack_that_the_previous_version_started_restarts_its_services_by_their_former_names(
    tmp_path,
):
    """Its supervisor keeps the commands that it was started with, while the package is upgraded below it."""
    environment = {"PATH": os.environ["PATH"], "PREFECT_HOME": str(tmp_path)}
    served = (sys.executable, "-m", "metaflow_prefect.headless.serve", "--version")
    told = json.dumps(
        {
            "server": {
                "command": served,
                "environment": environment,
                "user": None,
                "wait_for": None,
            }
        }
    )
    restarted = subprocess.run(
        (sys.executable, "-m", "metaflow_prefect.headless.launch", "service", "server"),
        env={**environment, SERVICES: told},
        capture_output=True,
        text=True,
        check=True,
    )

    assert restarted.stdout.strip() == prefect.__version__


def test_the_former_name_of_the_guarded_server_guards_it():
    """In another process: the guard is for every server of the process that imports it."""
    look = "import metaflow_prefect.headless.serve, uvicorn; print(uvicorn.Config.load.__module__)"
    looked = subprocess.run(
        (sys.executable, "-c", look), capture_output=True, text=True, check=True
    )

    assert looked.stdout.strip() == "metaflow_prefect.headless.services.serve"
