"""What must be in order before flow runs can run on Northflank; each check is one value with its remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.types.names import raise_on_name_alphanumeric_dashes_only
from prefect.workers.base import BaseWorker

from prefect_northflank.api.access import Access
from prefect_northflank.api.addresses import is_http, is_loopback
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Project
from prefect_northflank.api.retry import told_once
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
from prefect_northflank.job.environment import SECRETS
from prefect_northflank.vendor_package import refuse_vendor_package

OUR_WORKER = "prefect_northflank.worker"
MISSING_JOB = "prefect-northflank-permission-check"
"""The name of a job that does not exist: a 404 shows that the token may make the request."""

_NOT_IN_A_POOLS_NAME = "/%&><"

Probe: TypeAlias = "tuple[str, Callable[[], Awaitable[object]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was checked, and the result; *problem* says what is wrong and how to fix it."""

    what: str
    problem: str | None = None
    found: str = ""

    @property
    def passed(self) -> bool:
        """Whether there is no problem."""
        return self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What to check."""

    access: Access | ConfigurationError
    """How to call Northflank, or the reason why that is unknown."""
    project: str | None
    plan: str
    api_url: str | None
    """Address of the Prefect API that containers will use; None: the one of this process."""
    pool: str | None = None
    """The work pool; None: any."""
    block: str | None = None
    """Name of the block that is to hold the token; None: there will not be one."""
    tell: Callable[[str], None] = lambda _: None
    """Writes a line for people: what is tried again."""


async def checks(wanted: CheckOptions) -> AsyncIterator[Check]:
    """Yield every check whose prerequisites have passed."""
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


async def northflank_checks(wanted: CheckOptions) -> AsyncIterator[Check]:
    """Check what the token can see of Northflank."""
    if isinstance(wanted.access, ConfigurationError):
        yield Check(what="the token and address of Northflank", problem=str(wanted.access))
    if wanted.project is None:
        yield Check(what="the Northflank project", problem="it is not given. Fix: pass --project")
    if isinstance(wanted.access, ConfigurationError) or wanted.project is None:
        return
    project = Project(id=wanted.project, team=wanted.access.team)
    async with NorthflankClient(wanted.access, on_retry=told_once(wanted.tell)) as client:
        opened = await project_opens(client, project)
        yield opened
        if opened.passed:
            async for check in permissions(client, project):
                yield check
            if secrets_of_this_process():
                yield await tag_is_available(client, project, wanted)
            yield await plan_exists(client, wanted.plan)


def no_vendors_package() -> Check:
    """Check that no other distribution has the same import name."""
    what = "no other package owns the worker type northflank"
    try:
        refuse_vendor_package()
    except VendorPackageInstalled as installed:
        return Check(what=what, problem=str(installed))
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


def containers_reach_prefect(wanted: CheckOptions) -> Check:
    """Check that containers get an address that is not this machine's own. Only a run shows whether they reach it."""
    what = "the Prefect API has an address containers can use"
    url = wanted.api_url or str(get_current_settings().api.url or "")
    if not is_http(url):
        return Check(
            what=what,
            problem=f"{url or 'nothing'} is not an address. Fix: pass --prefect-api-url, such as https://prefect.example.com/api",
        )
    local = isinstance(wanted.access, Access) and is_loopback(wanted.access.base_url)
    problem = str(LoopbackApiUrl(url)) if is_loopback(url) and not local else None
    return Check(what=what, problem=problem, found=url)


def block_name_is_possible(name: str) -> Check:
    """Check that Prefect accepts *name* for a block."""
    what = f"a block can have the name {name}"
    try:
        raise_on_name_alphanumeric_dashes_only(name, field_name="Block document name")
    except ValueError as error:
        return Check(what=what, problem=f"{error} Fix: choose another name with --block")
    return Check(what=what)


async def pool_is_ours(name: str) -> Check:
    """Check that the work pool is of this worker's type, or can be created."""
    what = f"the work pool {name} is for this worker"
    remedy = "Fix: choose another name with --pool"
    # Both rules are the server's: the pattern of its API's field, and the prefix it keeps for itself.
    if set(name) & set(_NOT_IN_A_POOLS_NAME) or name.lower().startswith("prefect"):
        why = f"Prefect does not accept names that contain one of {_NOT_IN_A_POOLS_NAME} or begin with `prefect`"
        return Check(what=what, problem=f"{why}. {remedy}")
    async with get_client() as client:
        try:
            pool = await client.read_work_pool(name)
        except ObjectNotFound:
            return Check(what=f"a work pool can have the name {name}", found="`init` creates it")
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
    """Return the key or password with which jobs call the Prefect API."""
    known = get_current_settings().to_environment_variables(exclude_unset=True)
    return {key: value for key, value in known.items() if key in SECRETS}


async def permissions(client: NorthflankClient, project: Project) -> AsyncIterator[Check]:
    """Check the token's role by impossible requests: 403 is refused, 404 (no such job) or 400 (no body) is allowed."""
    probes: tuple[Probe, ...] = (
        ("create jobs", lambda: client.put_job(project, {})),
        ("read job runs", lambda: client.run(project, MISSING_JOB, "none")),
        ("start job runs", lambda: client.start_run(project, MISSING_JOB, {})),
        ("abort job runs", lambda: client.abort_run(project, MISSING_JOB, "none")),
        ("delete jobs", lambda: client.delete_job(project, MISSING_JOB)),
        ("see containers", lambda: client.containers(project, MISSING_JOB, "none")),
        ("read container logs", lambda: client.log_lines(project, MISSING_JOB, "none", last=1)),
    )
    if secrets_of_this_process():
        probes += (
            ("keep secret groups", lambda: client.put_secret_group(project, {})),
            ("read secret groups", lambda: client.secret_group(project, MISSING_JOB)),
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


async def tag_is_available(
    client: NorthflankClient, project: Project, wanted: CheckOptions
) -> Check:
    """Check that the tag which admits jobs to the pool's secret group exists, or can be created."""
    what = "the token may create the tag that admits jobs to the secret group"
    check = await _permitted(what, lambda: client.create_tag({}, team=project.team))
    if check.passed:
        return check
    if wanted.pool is None:
        hint = "If `init` has created it with another token, pass --pool to check that it exists."
        return Check(what=what, problem=f"{check.problem} {hint}")
    tag = names.secret_group(wanted.pool, wanted.api_url or await _api_url_of(wanted.pool))
    try:
        await client.tag(tag, team=project.team)
    except Forbidden:
        why = "it may neither create nor read tags, so it is unknown whether"
        remedy = "give its API role Account > Platform > Tags: Create (Read, if the tag exists)"
        return Check(what=what, problem=f"{why} {tag} exists. Fix: {remedy}")
    except NotFound as error:
        return Check(what=what, problem=str(TagForbidden(tag, said=error.message)))
    except NorthflankError as error:
        return Check(what=what, problem=f"could not be checked: {error}")
    return Check(what="the tag that admits jobs to the secret group exists", found=tag)


async def _api_url_of(pool: str) -> str:
    """Return the address of the Prefect API that the jobs of a pool get."""
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
