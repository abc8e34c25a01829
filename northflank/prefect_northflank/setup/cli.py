"""Set up a work pool for Northflank, or find out what is wrong with the setup."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

import httpx
from prefect.client.orchestration import get_client

from prefect_northflank.api.access import Access
from prefect_northflank.api.plans import DEFAULT_PLAN
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import ConfigurationError, NorthflankError
from prefect_northflank.job.credentials import Northflank
from prefect_northflank.setup.checks import Check, CheckOptions, checks
from prefect_northflank.setup.provision import (
    PoolSetup,
    create_block,
    create_pool,
    create_secret_group,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if everything is in order or has been set up."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    try:
        return asyncio.run(_doctor(options) if options.command == "doctor" else _init(options))
    except NorthflankError as error:
        return _failed(str(error))
    except httpx.HTTPError as error:
        remedy = "run it again; saving the same values twice does no harm"
        return _failed(f"The request to Prefect failed: {error}. Fix: {remedy}.")


def _failed(why: str) -> int:
    _warn(why)
    return 1


async def _doctor(options: argparse.Namespace) -> int:
    return 0 if await _report(_wanted(options)) else 1


async def _init(options: argparse.Namespace) -> int:
    wanted = _wanted(options)
    passed = await _report(wanted)
    # The checks have failed if one of these is unknown; this tells the type checker.
    if not passed or isinstance(wanted.access, ConfigurationError) or wanted.project is None:
        sys.stderr.write("Nothing was created.\n")
        return 1
    if options.check:
        _say(f"\nWork pool {options.pool} can be set up. Next: run this again without --check")
        return 0
    plan = PoolSetup(
        access=wanted.access,
        project=Project(id=wanted.project, team=wanted.access.team),
        pool=options.pool,
        block=options.block,
        plan=wanted.plan,
        api_url=wanted.api_url,
        tell=_warn,
    )
    block_id = await create_block(plan)
    _say(f"saved    block northflank/{plan.block}")
    async with get_client() as client:
        await create_pool(client, plan, block_id=block_id)
    _say(f"saved    work pool {plan.pool}")
    group = await create_secret_group(plan)
    _say(
        f"saved    secret group {group}"
        if group
        else "skipped  secret group: the Prefect API needs no key or password"
    )
    _say(f"\nNext: prefect worker start --pool {plan.pool}")
    return 0


async def _report(wanted: CheckOptions) -> bool:
    """Print each check as it comes; return whether all passed."""
    passed = True
    async for check in checks(wanted):
        _say(_line(check))
        passed = passed and check.passed
    return passed


def _line(check: Check) -> str:
    if check.problem is not None:
        return f"problem  {check.what}: {check.problem}"
    return f"ok       {check.what}" + (f" ({check.found})" if check.found else "")


def _warn(line: str) -> None:
    sys.stderr.write(f"prefect-northflank: {line}\n")
    sys.stderr.flush()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _wanted(options: argparse.Namespace) -> CheckOptions:
    return CheckOptions(
        access=_access(options),
        project=options.project,
        plan=options.plan,
        api_url=options.prefect_api_url,
        pool=options.pool,
        block=getattr(options, "block", None),
        tell=_warn,
    )


def _access(options: argparse.Namespace) -> Access | ConfigurationError:
    given = {"api_token": options.token, "base_url": options.base_url, "team_id": options.team}
    try:
        access = Northflank.model_validate(
            {key: value for key, value in given.items() if value}
        ).access()
    except ConfigurationError as error:
        return error
    return replace(access, base_url=access.base_url.rstrip("/"))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line; exits with 2 as argparse does if it is wrong."""
    parser = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = [f"--{name.replace('_', '-')}" for name in vars(options)]
        close = get_close_matches(unknown[0].partition("=")[0], known, n=1)
        remedy = f"did you mean {close[0]}?" if close else "leave it out"
        parser.error(
            f"`{options.command}` has no {unknown[0]}. Fix: {remedy} "
            f"(`prefect-northflank {options.command} --help` lists all)"
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prefect-northflank", description=__doc__, allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="init|doctor")
    init = commands.add_parser(
        "init",
        help="run the checks, then create the credentials block, work pool and secret group",
        allow_abbrev=False,
    )
    init.add_argument("--pool", default="nf", help="work pool (default: %(default)s)")
    init.add_argument(
        "--block", default="northflank-creds", help="credentials block (default: %(default)s)"
    )
    init.add_argument("--check", action="store_true", help="only report; create nothing")
    doctor = commands.add_parser(
        "doctor", help="say what is wrong, and what to do about it", allow_abbrev=False
    )
    doctor.add_argument("--pool", help="also check this work pool")
    for command in (init, doctor):
        add = command.add_argument
        add("--project", help="Northflank project")
        add(
            "--token",
            help="API token (default: NORTHFLANK_API_TOKEN; other users of this machine can see a typed one)",
        )
        add(
            "--base-url",
            help="address of the API (default: NORTHFLANK_API_BASE_URL, else Northflank's own)",
        )
        add("--team", help="team of the project (default: NORTHFLANK_TEAM_ID)")
        add("--plan", default=DEFAULT_PLAN, help="default plan of the pool (default: %(default)s)")
        add(
            "--prefect-api-url",
            help="address of the Prefect API as containers reach it (default: PREFECT_API_URL)",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
