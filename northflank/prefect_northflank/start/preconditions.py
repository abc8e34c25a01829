"""What must hold before a flow run can become a Northflank job: each check one value with its remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.types.names import raise_on_name_alphanumeric_dashes_only
from prefect.workers.base import BaseWorker

from prefect_northflank.api.access import Access
from prefect_northflank.api.answers import Project
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.errors import (
    ConfigurationError,
    Forbidden,
    LoopbackApiUrl,
    NorthflankError,
    NotFound,
    Rejected,
    TagForbidden,
    VendorPackageInstalled,
)
from prefect_northflank.job import names
from prefect_northflank.job.environment import SECRETS, is_http, is_loopback

VENDORS_DISTRIBUTION = "prefect-northflank"
OUR_WORKER = "prefect_northflank.worker"
NOBODYS_JOB = "prefect-northflank-permission-check"
"""A job that does not exist: 404 to a request about it shows that the token may make the request."""

_NOT_IN_A_POOLS_NAME = "/%&><"

Probe: TypeAlias = "tuple[str, Callable[[], Awaitable[object]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was checked and how it went; *problem* says what is wrong and what to do."""

    what: str
    problem: str | None = None
    found: str = ""

    @property
    def passed(self) -> bool:
        """Whether there is nothing to do."""
        return self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be checked."""

    access: Access | ConfigurationError
    """How to call Northflank, or why that is not known."""
    project: str | None
    plan: str
    api_url: str | None
    """Address of the Prefect API that containers will use; None: the one of this process."""
    pool: str | None = None
    """The work pool; None: any."""
    block: str | None = None
    """Name of the block that is to hold the token; None: there is to be none."""


async def checks(wanted: Wanted) -> AsyncIterator[Check]:
    """Make every check, each as soon as the ones it needs have passed."""
    yield no_vendors_package()
    yield our_worker_is_found()
    answered = await prefect_answers()
    yield answered
    yield containers_reach_prefect(wanted)
    if wanted.block is not None:
        yield block_name_is_possible(wanted.block)
    if wanted.pool is not None and answered.passed:
        yield await pool_is_ours(wanted.pool)
    async for check in northflank_checks(wanted):
        yield check


async def northflank_checks(wanted: Wanted) -> AsyncIterator[Check]:
    """Check what can be seen of Northflank with the token."""
    if isinstance(wanted.access, ConfigurationError):
        yield Check(what="the token and address of Northflank", problem=str(wanted.access))
    if wanted.project is None:
        yield Check(what="the Northflank project", problem="it is not given. Fix: pass --project")
    if isinstance(wanted.access, ConfigurationError) or wanted.project is None:
        return
    project = Project(id=wanted.project, team=wanted.access.team)
    async with NorthflankClient(wanted.access) as client:
        opened = await project_opens(client, project)
        yield opened
        if opened.passed:
            async for check in permissions(client, project):
                yield check
            if secrets_of_this_process():
                yield await tag_can_be_had(client, project, wanted)
            yield await plan_exists(client, wanted.plan)


def no_vendors_package() -> Check:
    """Check that no other distribution owns our import name."""
    what = "no other package owns the worker type northflank"
    try:
        return Check(what=what, problem=str(VendorPackageInstalled(version(VENDORS_DISTRIBUTION))))
    except PackageNotFoundError:
        return Check(what=what)


def our_worker_is_found() -> Check:
    """Check that Prefect finds this package's worker under its type."""
    found = BaseWorker.get_worker_class_from_type("northflank")
    module = found.__module__ if found else "none"
    problem = (
        None
        if module == OUR_WORKER
        else f"Prefect finds {module}. Fix: reinstall metaflow-prefect-northflank in this environment"
    )
    return Check(what="Prefect finds this worker", problem=problem, found=module)


async def prefect_answers() -> Check:
    """Check that the Prefect API answers this process."""
    url = str(get_current_settings().api.url or "")
    what = "the Prefect API answers"
    if not url:
        return Check(
            what=what,
            problem="PREFECT_API_URL is not set. Fix: set it, or run `prefect config set PREFECT_API_URL=...`",
        )
    try:
        async with get_client() as client:
            await client.read_work_pools(limit=1)
    except httpx.HTTPError as error:
        return Check(what=what, problem=f"{url}: {_why_prefect_refuses(error)}")
    return Check(what=what, found=url)


def _why_prefect_refuses(error: httpx.HTTPError) -> str:
    if not isinstance(error, httpx.HTTPStatusError):
        return f"no answer ({type(error).__name__} {error}). Fix: start the server, or correct PREFECT_API_URL"
    status = error.response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return f"it answered {status}. Fix: set PREFECT_API_AUTH_STRING or PREFECT_API_KEY to a valid value"
    return f"it answered {status}. Fix: correct PREFECT_API_URL (it ends in /api), or see the server's log"


def containers_reach_prefect(wanted: Wanted) -> Check:
    """Check that the address containers get is not the one of this machine. Whether they reach it only a run shows."""
    what = "the Prefect API has an address containers can use"
    url = wanted.api_url or str(get_current_settings().api.url or "")
    if not is_http(url):
        return Check(
            what=what,
            problem=f"{url or 'nothing'} is no address. Fix: pass --prefect-api-url, such as https://prefect.example.com/api",
        )
    local = isinstance(wanted.access, Access) and is_loopback(wanted.access.base_url)
    problem = str(LoopbackApiUrl(url)) if is_loopback(url) and not local else None
    return Check(what=what, problem=problem, found=url)


def block_name_is_possible(name: str) -> Check:
    """Check that Prefect takes *name* for a block."""
    what = f"a block can have the name {name}"
    try:
        raise_on_name_alphanumeric_dashes_only(name, field_name="Block document name")
    except ValueError as error:
        return Check(what=what, problem=f"{error} Fix: choose another name with --block")
    return Check(what=what)


async def pool_is_ours(name: str) -> Check:
    """Check that the work pool is one of this worker's, or can be made."""
    what = f"the work pool {name} is for this worker"
    remedy = "Fix: choose another name with --pool"
    # Both rules are the server's: the pattern of its API's field, and the prefix it keeps for itself.
    if set(name) & set(_NOT_IN_A_POOLS_NAME) or name.lower().startswith("prefect"):
        why = f"Prefect refuses names that have one of {_NOT_IN_A_POOLS_NAME} in them or begin with `prefect`"
        return Check(what=what, problem=f"{why}. {remedy}")
    async with get_client() as client:
        try:
            pool = await client.read_work_pool(name)
        except ObjectNotFound:
            return Check(what=f"a work pool can have the name {name}", found="`init` makes it")
    if pool.type != "northflank":
        return Check(what=what, problem=f"it is of type {pool.type}. {remedy}")
    return Check(what=what, found="it exists")


async def project_opens(client: NorthflankClient, project: Project) -> Check:
    """Check address, token, team and project with one read."""
    what = f"the token opens project {project.id}"
    try:
        return Check(what=what, found=await client.project_name(project))
    except NorthflankError as error:
        return Check(what=what, problem=str(error))


def secrets_of_this_process() -> Mapping[str, str]:
    """Return the key or password that jobs need for the Prefect API."""
    known = get_current_settings().to_environment_variables(exclude_unset=True)
    return {key: value for key, value in known.items() if key in SECRETS}


async def permissions(client: NorthflankClient, project: Project) -> AsyncIterator[Check]:
    """Check the token's role by asking for what cannot be: refused is 403, allowed is 404 (no such job) or 400 (no body)."""
    probes: tuple[Probe, ...] = (
        ("create jobs", lambda: client.put_job(project, {})),
        ("read job runs", lambda: client.run(project, NOBODYS_JOB, "none")),
        ("start job runs", lambda: client.start_run(project, NOBODYS_JOB, {})),
        ("abort job runs", lambda: client.abort_run(project, NOBODYS_JOB, "none")),
        ("delete jobs", lambda: client.delete_job(project, NOBODYS_JOB)),
        ("see containers", lambda: client.containers(project, NOBODYS_JOB, "none")),
        ("read container logs", lambda: client.log_lines(project, NOBODYS_JOB, "none", last=1)),
    )
    if secrets_of_this_process():
        probes += (
            ("keep secret groups", lambda: client.put_secret_group(project, {})),
            ("read secret groups", lambda: client.secret_group(project, NOBODYS_JOB)),
        )
    for what, probe in probes:
        yield await _permitted(f"the token may {what}", probe)


async def _permitted(what: str, probe: Callable[[], Awaitable[object]]) -> Check:
    try:
        await probe()
    except (NotFound, Rejected):
        return Check(what=what)
    except Forbidden as error:
        return Check(what=what, problem=str(error))
    except NorthflankError as error:
        return Check(what=what, problem=f"could not be checked: {error}")
    return Check(what=what)


async def tag_can_be_had(client: NorthflankClient, project: Project, wanted: Wanted) -> Check:
    """Check that the tag which admits jobs to the pool's secret group can be made, or is there."""
    what = "the token may create the tag that admits jobs to the secret group"
    check = await _permitted(what, lambda: client.create_tag({}, team=project.team))
    if check.passed:
        return check
    if wanted.pool is None:
        hint = "If `init` has made it with another token, pass --pool to have it looked up."
        return Check(what=what, problem=f"{check.problem} {hint}")
    tag = names.secret_group(wanted.pool, wanted.api_url or await _api_url_of(wanted.pool))
    try:
        await client.tag(tag, team=project.team)
    except Forbidden:
        why = "it may neither create nor read tags, so it cannot be seen whether"
        remedy = "give its API role Account > Platform > Tags: Create (Read, if the tag is there)"
        return Check(what=what, problem=f"{why} {tag} is there. Fix: {remedy}")
    except NotFound as error:
        return Check(what=what, problem=str(TagForbidden(tag, said=error.message)))
    except NorthflankError as error:
        return Check(what=what, problem=f"could not be checked: {error}")
    return Check(what="the tag that admits jobs to the secret group is there", found=tag)


async def _api_url_of(pool: str) -> str:
    """Return the address of the Prefect API that a pool's jobs are given."""
    url = str(get_current_settings().api.url or "")
    with suppress(httpx.HTTPError, ObjectNotFound):
        async with get_client() as client:
            template = (await client.read_work_pool(pool)).base_job_template
        properties = template.get("variables", {}).get("properties", {})
        return str(properties.get("prefect_api_url", {}).get("default") or url)
    return url


async def plan_exists(client: NorthflankClient, plan: str) -> Check:
    """Check that Northflank has the plan."""
    what = f"the plan {plan} exists"
    try:
        plans = [plan.id for plan in await client.plans()]
    except NorthflankError as error:
        return Check(what=what, problem=f"could not be checked: {error}")
    known = ", ".join(plans)
    return Check(
        what=what,
        problem=None if plan in plans else f"Northflank has {known}. Fix: choose one with --plan",
    )
