"""Reach the Prefect server: one client, and one wording for every way in which that fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from metaflow_prefect.errors import ServerRefused

_SETTINGS = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")


@contextmanager
def prefect_client(environment: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Connect to the configured server, or to Prefect's embedded one where none is configured.

    *environment* overrides this process's settings of the server's address and credentials.

    Raises:
        ServerRefused: the configured server does not answer, or refuses us.
    """
    import httpx
    from prefect import settings
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from metaflow_prefect.runtime.local_run import is_embedded, require_server

    given = environment or {}
    updates = {getattr(settings, name): given[name] for name in _SETTINGS if name in given}
    try:
        with settings.temporary_settings(updates=updates):
            if not is_embedded():
                require_server()
            with get_client(sync_client=True) as client:
                yield client
    except PrefectHTTPStatusError as error:
        raise _refusal(error) from error
    except httpx.HTTPError as error:
        raise ServerRefused(
            f"The connection to the Prefect server broke ({type(error).__name__}).",
            fix="see whether it still runs, then repeat the command: it is safe to repeat",
        ) from error


def _refusal(error: Any) -> ServerRefused:
    import httpx

    status = error.response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return ServerRefused(
            f"The Prefect server refuses us ({status}).",
            fix="set PREFECT_API_AUTH_STRING (or PREFECT_API_KEY for Prefect Cloud)",
        )
    return ServerRefused(
        f"The Prefect server answered {status}: {error.response.text[:500]}",
        fix="correct what it complains about, or see the server's log",
    )
