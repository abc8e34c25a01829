"""The failures of docs/reference/what-can-go-wrong.md, each made to happen: real commands, real functions, the emulator over HTTP.

The key is the page's heading: the text that people see first and search for. Each function gets an empty folder and returns
all that they see. What takes a worker and a container happens in tests/stack; here is what they say about it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from unittest import mock

from metaflow.datastore import FlowDataStore
from metaflow.plugins.datastores.local_storage import LocalStorage
from metaflow_northflank.broker.wording import ending
from northflank_emulator import Emulator, Role
from northflank_emulator import Settings as EmulatorSettings
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect_northflank import NorthflankWorker
from prefect_northflank.api.access import Access
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.plans import published
from prefect_northflank.api.responses import (
    Container,
    ContainerStatus,
    JobRun,
    LogLine,
    Project,
    RunStatus,
)
from prefect_northflank.job.configuration import NorthflankJobConfiguration
from prefect_northflank.job.environment import job_environment
from prefect_northflank.vendor_package import refuse_vendor_package
from prefect_northflank.watch.exit_cause import Evidence
from prefect_northflank.watch.exit_reason import reason

from metaflow_prefect import ir
from metaflow_prefect.analysis.locks import locked
from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.deploy.plan import image_choice, schedules, step_containers
from metaflow_prefect.deploy.plan.container_size import container_size
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.job_variables import job_variables
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.parameter_schema import Argument, flow_run_parameters
from metaflow_prefect.deploy.runs.follow_run import waiting
from metaflow_prefect.deploy.runs.runs import RunRecord
from metaflow_prefect.deploy.runs.runs import RunStatus as DeployedStatus
from metaflow_prefect.deploy.server import code_storage, gather_context, production_tokens
from metaflow_prefect.errors import Finding, Refusals, UnsupportedFlow
from metaflow_prefect.headless.database import provisioning
from metaflow_prefect.headless.files.layout import Layout
from metaflow_prefect.headless.services.ports import NeededPort, require_free
from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.settings.reading import read_settings
from metaflow_prefect.headless.settings.sources import Sources
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.packages.lock import Target
from metaflow_prefect.runtime.servers import local_server
from metaflow_prefect.runtime.servers.connection import prefect_client
from tests.support.package_index import Wheel, serving

Sleep = Callable[[float], Awaitable[None]]
Failure = Callable[[Path], str]
"""Makes a failure happen in an empty folder, and returns what the reader sees."""

FLOW = """
from metaflow import FlowSpec, Parameter, kubernetes, step


class TrainFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.5)

    {decorator}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TrainFlow()
"""


def refusal(call: Callable[[], object]) -> str:
    """Return what the error says that *call* raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  whatever it is, the page has to quote it
        return str(error)
    return "(nothing failed)"


# -- compiling and running ----------------------------------------------------------------------------------


def command(folder: Path, *words: str, decorator: str = "", **environment: str) -> str:
    """Return what `python flow.py …` says on its standard error, without Metaflow's checks of the flow."""
    (folder / "flow.py").write_text(FLOW.format(decorator=decorator))
    ended = subprocess.run(
        [sys.executable, "flow.py", "--quiet", "--no-pylint", *words],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder), **environment},
    )  # fmt: skip
    assert ended.returncode != 0, ended.stdout
    # Under Python 3.13 the interpreter says so of an archive that Metaflow has begun and not closed.
    without = re.sub(
        r"Exception ignored in: <gzip .*?closed file\.\n", "", ended.stderr, flags=re.DOTALL
    )
    said = re.sub(r"^Metaflow \S+ executing \w+( for user:\w+)?", "", without.strip())
    return "\n".join(line.removeprefix("    ") for line in said.strip("\n").splitlines())


def without_this_package(folder: Path) -> str:
    nowhere = str(folder / "no-extensions")
    return command(folder, "prefect", "run", METAFLOW_EXTENSIONS_SEARCH_DIRS=nowhere)


THEIR_GROUP = """
from metaflow._vendor import click

@click.group()
def cli(): pass

@cli.group()
def prefect(): pass

@prefect.command()
def create(): pass
"""
"""A command group with the name of ours, as the package metaflow-prefect has one."""


def beside_metaflow_prefect(folder: Path) -> str:
    plugins = folder / "site" / "metaflow_extensions" / "prefect" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "mfextinit_prefect.py").write_text('CLIS_DESC = [("prefect", ".group.cli")]\n')
    (plugins / "group.py").write_text(THEIR_GROUP)
    return command(folder, "prefect", "deploy", PYTHONPATH=str(folder / "site"))


def without_a_user(folder: Path) -> str:
    """The user of most containers is root, which Metaflow does not count as a name."""
    nameless = dict.fromkeys(("USERNAME", "SUDO_USER", "METAFLOW_USER", "USER"), "")
    return command(folder, "run", **nameless)


def unsupported_decorator(folder: Path) -> str:
    return command(folder, "prefect", "create", "out.py", decorator="@kubernetes")


def mistyped_parameter(folder: Path) -> str:
    return command(folder, "prefect", "run", "--alfa", "0.1")


def file_of_ones_own(folder: Path) -> str:
    (folder / "out.py").write_text("MINE = 1\n")
    return command(folder, "prefect", "create", "out.py").replace(str(folder), "/home/ann/flows")


def changed_flow(folder: Path) -> str:
    """A generated file is executed beside a flow that is not the one it was compiled from."""
    (folder / "flow.py").write_text(f"{FLOW}# changed\n")
    program = Program(
        flow="TrainFlow", source="flow.py", sha256=hashlib.sha256(FLOW.encode()).hexdigest(),
        metadata="local", datastore="local", location=str(folder / "out.py"),
    )  # fmt: skip
    return refusal(lambda: program.flow_file)


# -- deploying ----------------------------------------------------------------------------------------------

CONTAINER = Target(python="3.12", platform="x86_64-manylinux_2_28")


def flow(datastore: str = "s3", **steps: dict[str, Any]) -> ir.Flow:
    """Return a flow with these steps; each with the fields of `ir.Step` that matter here."""
    made = steps or {"start": {}}
    return ir.Flow(
        name="TrainFlow", start=next(iter(made)), end=list(made)[-1],
        steps=tuple(
            ir.Step(name=name, **{"transition": ir.Transition.END, **fields})
            for name, fields in made.items()
        ),
        source=ir.Source(file="flow.py", sha256="0" * 64),
        backends=ir.Backends(metadata="local", datastore=datastore, environment="pypi", installer="uv"),
    )  # fmt: skip


def northflank(limit: int | None = None) -> WorkPool:
    template = NorthflankWorker.get_default_base_job_template()
    return WorkPool(name="nf", type="northflank", template=template, concurrency_limit=limit)


def of_flow(findings: tuple[Finding, ...]) -> str:
    return str(UnsupportedFlow("TrainFlow", findings))


def no_pool(_: Path) -> str:
    server = SimpleNamespace(read_work_pools=list)
    return refusal(lambda: gather_context.work_pool(server, "nf", None))


def variables_of(of: ir.Flow, **given: object) -> str:
    context = DeployContext(
        owner="ann", token="train-0-abcd", pool=northflank(), requirements=(), metaflow_environment={},
    )  # fmt: skip
    options = DeployOptions(job_variables=given)
    return refusal(lambda: job_variables(of, "TrainFlow/default", options, context))


def local_datastore(_: Path) -> str:
    return variables_of(flow("local"))


def mistyped_job_variable(_: Path) -> str:
    return variables_of(flow(), billing_deployment_plam="nf-compute-50")


def unwritable_datastore(folder: Path) -> str:
    root = folder / "metaflow"
    root.touch()
    store = FlowDataStore("TrainFlow", None, storage_impl=LocalStorage, ds_root=str(root))
    said = refusal(lambda: code_storage.keep(store, [b"the flow's code"]))
    return said.replace(str(folder), "/mnt")


def resources(**asked: str) -> str:
    wanted = tuple(ir.Resource(name=name, value=value) for name, value in asked.items())
    return of_flow(container_size(flow(train={"resources": wanted}), {}, northflank()).findings)


def more_memory_than_any_plan(_: Path) -> str:
    return resources(memory="64000")


def gpu_without_a_type(_: Path) -> str:
    return resources(gpu="1")


def package_without_a_wheel(folder: Path) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    asked = flow(train={"packages": ir.Packages(requirements=("fastmath==1.0",))})
    with serving(folder, Wheel("fastmath", "1.0", tag="py3-none-win_amd64")) as index:
        uv = {
            **kept, "UV_DEFAULT_INDEX": index.url(), "UV_CACHE_DIR": str(folder / "cache"),
            "UV_SYSTEM_PYTHON": "1", "XDG_CACHE_HOME": str(folder), "PIP_CONFIG_FILE": os.devnull,
        }  # fmt: skip
        return refusal(lambda: locked(asked, CONTAINER, uv))


def python_without_an_image(_: Path) -> str:
    asked = PythonRequest(where="train", feature="@pypi(python='3.9')", accepts="==3.9.*")
    return of_flow(image_choice.choose((asked,), {}, northflank()).findings)


def schedule_without_a_value(_: Path) -> str:
    nightly = ir.Schedule(cron="0 3 * * *")
    alpha = ir.Parameter(name="alpha", type=ir.ParameterType.FLOAT, required=True)
    return of_flow(schedules.without_a_value((nightly,), (alpha,)))


def anothers_deployment(_: Path) -> str:
    anns = production_tokens.Holder(owner="ann", token="train-0-abcd")
    return refusal(lambda: production_tokens.check(anns, "bob", None, None))


def places_for_runs_only(_: Path) -> str:
    refusals = Refusals()
    steps = flow(train={"container": ir.Container(resources=())})
    step_containers.check(steps, northflank(limit=1), {}, DeployOptions(), refusals)
    return refusal(refusals.raise_all)


def unknown_parameter(_: Path) -> str:
    alpha = Argument(key="alpha", name="alpha")
    return refusal(lambda: flow_run_parameters((alpha,), {"alfa": 0.1}, "TrainFlow/default"))


# -- the Prefect server -------------------------------------------------------------------------------------


def hello(url: str) -> str:
    def ask() -> None:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            prefect_client({"PREFECT_API_URL": url}) as client,
        ):
            client.hello()

    with mock.patch.dict(os.environ, {"PREFECT_API_URL": url}):
        return refusal(ask)


def answered_with(status: int, text: str) -> str:
    """Return what is said of a server that answers everything so; its port is 4200 on the page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            said = hello(f"http://127.0.0.1:{server.server_port}/api")
        finally:
            server.shutdown()
        return said.replace(f":{server.server_port}/", ":4200/")


def no_server(_: Path) -> str:
    said = hello("http://127.0.0.1:9/api").replace(":9/", ":4200/")
    return re.sub(r"\[Errno \d+\]", "[Errno 111]", said)


def server_with_a_password(_: Path) -> str:
    return answered_with(401, "{}")


def page_instead_of_an_api(_: Path) -> str:
    return answered_with(200, "<html>Sign in</html>")


def home_that_cannot_be_written(folder: Path) -> str:
    (folder / "home").touch()
    said = refusal(lambda: local_server.status(folder / "home"))
    return said.replace(str(folder), "")


# -- the worker ---------------------------------------------------------------------------------------------

ELSEWHERE = "https://api.northflank.com"


def no_token(_: Path) -> str:
    with mock.patch.dict(os.environ):
        for name in ("NORTHFLANK_API_TOKEN", "NF_API_TOKEN"):
            os.environ.pop(name, None)
        return refusal(NorthflankJobConfiguration().access)


def no_project(_: Path) -> str:
    configuration = NorthflankJobConfiguration(credentials={"api_token": "t"})
    return refusal(lambda: configuration.project(Access(token="t")))


def server_on_the_workers_machine(_: Path) -> str:
    here = {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    return refusal(lambda: job_environment(here, base_url=ELSEWHERE, expand_templates=False))


async def start(emulator: Emulator, token: str, project: str, sleep: Sleep = asyncio.sleep) -> None:
    """Call Northflank as a worker does before each start."""
    access = Access(token=token, base_url=emulator.base_url)
    async with NorthflankClient(access, sleep=sleep) as client:
        await client.put_job(Project(id=project), {"name": "train-0192f0c8"})


def refused_token(_: Path) -> str:
    with Emulator() as emulator:
        return refusal(lambda: asyncio.run(start(emulator, "an-old-token", emulator.project)))


def unknown_project(_: Path) -> str:
    with Emulator() as emulator:
        return refusal(lambda: asyncio.run(start(emulator, emulator.token, "sales")))


def token_with_too_few_permissions(_: Path) -> str:
    with Emulator(EmulatorSettings(tokens={"reader": Role.READ_ONLY})) as emulator:
        return refusal(lambda: asyncio.run(start(emulator, "reader", emulator.project)))


def rate_limit(_: Path) -> str:
    """The emulator allows no call at all; how long the worker waits depends on the time of day."""
    told: list[str] = []

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    async def until_told(_: float) -> None:
        if told:
            raise TimeoutError

    handler, log = Told(), logging.getLogger("prefect_northflank")
    log.addHandler(handler)
    try:
        with Emulator(EmulatorSettings(rate_limit=0)) as emulator, suppress(TimeoutError):
            asyncio.run(start(emulator, emulator.token, emulator.project, until_told))
    finally:
        log.removeHandler(handler)
    return re.sub(r"\d+ s\.", "1200 s.", "\n".join(told))


def no_worker(_: Path) -> str:
    run = RunRecord(
        id="0192f0c8-4d5e-7000-8000-000000000000", name="amber-bat", flow_name="TrainFlow", deployment_id=None,
        status=DeployedStatus.PENDING, state="Scheduled", message="", due=None, is_planned=False,
        start=None, end=None, url=None,
    )  # fmt: skip
    return waiting(run)


AN_HOUR = JobRun(
    id="r", status=RunStatus.FAILED, concluded=True,
    started_at="2026-01-01T00:00:00Z", concluded_at="2026-01-01T01:00:00Z",
)  # fmt: skip


def evidence(
    line: str = "",
    *,
    status: ContainerStatus | None = ContainerStatus.FAILED,
    **more: Any,
) -> Evidence:
    known: dict[str, Any] = {
        "run": AN_HOUR,
        "containers": [] if status is None else [Container(name="c", status=status)],
        "lines": [LogLine(text=line, at="")],
        "deadline_seconds": 7200,
        "plan": published("nf-compute-100-4"),
        "image": "ghcr.io/acme/flows:1",
    }
    return Evidence(**known | more)


def image_that_cannot_be_pulled(_: Path) -> str:
    return reason(evidence("Failed to pull image: manifest unknown"))


def no_machine(_: Path) -> str:
    return reason(evidence("0/3 nodes are available: 3 Insufficient memory"))


def out_of_memory(_: Path) -> str:
    return reason(evidence(status=ContainerStatus.KILLED, peak_mb=4000.0, tasks=("train[3]",)))


def deadline(_: Path) -> str:
    return reason(evidence(deadline_seconds=3600))


def deleted_job(_: Path) -> str:
    return reason(evidence(run=None))


def vendors_package(folder: Path) -> str:
    """The vendor's distribution is installed beside this one."""
    installed = folder / "prefect_northflank-1.0.1.dist-info"
    installed.mkdir()
    description = "Metadata-Version: 2.1\nName: prefect-northflank\nVersion: 1.0.1\n"
    (installed / "METADATA").write_text(description)
    with mock.patch.object(sys, "path", [str(folder), *sys.path]):
        return refusal(refuse_vendor_package)


# -- the headless stack -------------------------------------------------------------------------------------


def settings(folder: Path, **environ: str) -> Settings:
    known = frozenset({"PREFECT_HOME", "PREFECT_LOGGING_LEVEL"})
    sources = Sources(environ={"PREFECT_HOME": str(folder), **environ}, dotenv={})
    return read_settings(sources, known_to_prefect=known)


def taken_port(_: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        needed = NeededPort("the server", "127.0.0.1", port, "PREFECT_SERVER_PORT")
        said = refusal(lambda: require_free(needed)).replace(str(port), "4200")
    return re.sub(r"e\.g\. \d+", "e.g. 4201", said)


def unknown_variable(folder: Path) -> str:
    return "\n".join(settings(folder, PREFECT_WORKER_POOL_TYP="northflank").findings)


def unreadable_variables(folder: Path) -> str:
    wrong = {
        "PREFECT_SERVER_PORT": "42oo",
        "PREFECT_DATABASE_URL": "mysql://db.example.com/prefect",
    }
    return refusal(lambda: settings(folder, **wrong))


def unreachable_database(folder: Path) -> str:
    url = "postgresql://prefect:secret@127.0.0.1:9/prefect"
    found = settings(folder, PREFECT_DATABASE_URL=url, PREFECT_POSTGRES_WAIT="0.1")
    said = refusal(lambda: provisioning.provide(found, Layout(home=folder), say=lambda _: None))
    errno = re.sub(r"\[Errno \d+\]", "[Errno 111]", said)
    return re.sub(r":9\b", ":5432", errno).replace("', 9)", "', 5432)")


# -- `run --with northflank` --------------------------------------------------------------------------------


def laptop_without_settings(folder: Path) -> str:
    return command(folder, "run", "--with", "northflank")


def container_that_never_ran(_: Path) -> str:
    return ending(evidence(status=None))


FAILURES: dict[str, Failure] = {
    "No such command 'prefect'": without_this_package,
    "No such command 'deploy'": beside_metaflow_prefect,
    "Metaflow could not determine your user name": without_a_user,
    "that can't be honored on Prefect": unsupported_decorator,
    "no such option": mistyped_parameter,
    "has changed since … was compiled from it": changed_flow,
    "belongs to the flow's code": file_of_ones_own,
    "There is no work pool": no_pool,
    "its containers don't see this machine's files": local_datastore,
    "The datastore … can't be written": unwritable_datastore,
    "no plan of Northflank is large enough": more_memory_than_any_plan,
    "Northflank needs to know which GPU": gpu_without_a_type,
    "the work pool has no such variable": mistyped_job_variable,
    "asks for packages that can't be had": package_without_a_wheel,
    "no stock image has it": python_without_an_image,
    "a scheduled run is given no value for it": schedule_without_a_value,
    "have not given its production token": anothers_deployment,
    "could take all of these places": places_for_runs_only,
    "has no parameter": unknown_parameter,
    "No Prefect server answers at PREFECT_API_URL": no_server,
    "refuses the request (401)": server_with_a_password,
    "is not a Prefect API": page_instead_of_an_api,
    "The local server cannot use PREFECT_HOME": home_that_cannot_be_written,
    "no worker of its pool has picked it up yet": no_worker,
    "neither the credentials block nor the worker's environment has one": no_token,
    "the job variable project_id is not set": no_project,
    "Northflank answered 401": refused_token,
    "Northflank answered 403": token_with_too_few_permissions,
    "Northflank answered 404": unknown_project,
    "a Northflank container cannot reach the worker's own machine": server_on_the_workers_machine,
    "Northflank's rate limit is used up": rate_limit,
    "could not be pulled": image_that_cannot_be_pulled,
    "no machine could take the container": no_machine,
    "the container ran out of memory": out_of_memory,
    "it ran longer than settings_active_deadline_seconds": deadline,
    "the job run was deleted in Northflank": deleted_job,
    "it has the same import name, worker type and block type": vendors_package,
    "another process does": taken_port,
    "is known neither to Prefect nor to prefect-headless": unknown_variable,
    "must begin with postgresql:// or sqlite:///": unreadable_variables,
    "PostgreSQL at … does not answer": unreachable_database,
    "Northflank can't run this flow": laptop_without_settings,
    "it never ran": container_that_never_ran,
}
