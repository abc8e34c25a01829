"""The environment of a job: which of the worker's settings it gets, what is secret, what Northflank would rewrite."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from prefect_northflank.api.addresses import is_loopback
from prefect_northflank.errors import ConfigurationError, LoopbackApiUrl, Refusals, TemplatedValue

SECRETS = frozenset({"PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_CLIENT_CUSTOM_HEADERS"})
"""Settings that open the Prefect API: they go into a secret group, never into a job's plain environment."""

SIGTERM_BEHAVIOR = "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"
"""Read by `prefect flow-run execute` (prefect/cli/flow_run.py): `reschedule` hands an evicted run back."""

_STAYS_LOCAL = re.compile(
    r"PREFECT_("
    r"SERVER_.*|API_DATABASE_.*|API_SERVICES_.*|API_BLOCKS_.*|.*DATABASE.*|"  # the server's own settings
    r"WORKER_.*|RUNNER_.*|UI_.*|TEST_.*|TESTING_.*|UNIT_TEST_.*|CLI_.*|"  # the worker process's own settings
    r"HOME|PROFILES_PATH|.*_PATH|.*_DIRECTORY|.*_DIR|API_SSL_CERT_FILE"  # paths of this machine
    r")"
)
_KEY = re.compile(r"[a-zA-Z0-9_./-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnvironment:
    """The two halves of a job's environment."""

    plain: Mapping[str, str]
    secret: Mapping[str, str]


def shippable(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's own settings except those that only apply to its machine.

    >>> shippable({"PREFECT_HOME": "/home/me/.prefect", "PREFECT_LOGGING_LEVEL": "DEBUG"})
    {'PREFECT_LOGGING_LEVEL': 'DEBUG'}
    """
    return {key: value for key, value in settings.items() if not _STAYS_LOCAL.fullmatch(key)}


def job_environment(
    env: Mapping[str, str],
    *,
    base_url: str,
    expand_templates: bool,
    secret: Collection[str] = frozenset(),
) -> JobEnvironment:
    """Split and check the complete environment of a job on the Northflank at *base_url*.

    *secret* names the secret variables besides those that open the Prefect API.

    Raises:
        LoopbackApiUrl: the container would look for the Prefect API inside itself.
        TemplatedValue: a value contains `${`, and expand_templates is off.
        ConfigurationError: Northflank does not accept a name, or several of these problems.
    """
    refusals = Refusals()
    api_url = env.get("PREFECT_API_URL", "")
    with refusals.gathering():
        if is_loopback(api_url) and not is_loopback(base_url):
            raise LoopbackApiUrl(api_url)
    # Prefect passes names that users chose; a flow called "${x}" must run, without its name in the environment.
    kept = {
        key: value
        for key, value in env.items()
        if not (key.startswith("PREFECT__") and key.endswith("_NAME") and "${" in value)
    }
    for key, value in kept.items():
        with refusals.gathering():
            _check(key, value, expand_templates=expand_templates)
    refusals.raise_all()
    all_secret = SECRETS.union(secret)
    return JobEnvironment(
        plain={key: value for key, value in kept.items() if key not in all_secret},
        secret={key: value for key, value in kept.items() if key in all_secret},
    )


def _check(key: str, value: str, *, expand_templates: bool) -> None:
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            what=f"environment variable {key!r}",
            why="Northflank accepts letters, digits and `_ . / -` only",
            remedy="rename it in env or runtime_environment",
        )
    if "${" in value and not expand_templates:
        raise TemplatedValue(key)
