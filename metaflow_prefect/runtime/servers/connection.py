"""Which Prefect server this process uses, and one message for every way in which that fails."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from metaflow_prefect.errors import ServerRefused
from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.servers import local_server
from metaflow_prefect.server_settings import SERVER_SETTINGS, cors_setting, make_database_private

_SETTINGS = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_HOME")

_LOCAL: ContextVar[str | None] = ContextVar("metaflow_prefect_local_server", default=None)
"""The address of the local server, once it was used."""

_EMBEDDED_STARTUP_SECONDS = 90

_CONNECT_SECONDS = 5.0
"""For one attempt to connect; an address that drops packets would otherwise block a command for many minutes."""

_PROBE_RETRIES = 2
_QUOTED_CHARACTERS = 500


@contextmanager
def prefect_client(environment: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Connect to the server that a command or a call uses; see `server`.

    *environment* overrides this process's settings of the server's address and credentials.

    Raises:
        ServerRefused: the server does not answer, is not a Prefect server, or refuses the request.
    """
    import httpx
    from prefect import settings
    from prefect.exceptions import PrefectHTTPStatusError

    given = environment or {}
    updates = {getattr(settings, name): given[name] for name in _SETTINGS if name in given}
    with (
        settings.temporary_settings(updates=updates),
        server({**os.environ, **given}),
        _client() as client,
    ):
        try:
            yield client
        except PrefectHTTPStatusError as error:
            raise _refusal(error) from error
        except httpx.HTTPError as error:
            raise ServerRefused(
                f"The connection to the Prefect server broke ({type(error).__name__}).",
                fix="see whether it still runs, then repeat the command: it is safe to repeat",
            ) from error


@contextmanager
def server(environment: Mapping[str, str]) -> Iterator[None]:
    """Have Prefect's clients use the configured server or, where none is, the local server of this machine.

    The local server is started if it does not run, and does not end before this context.

    Raises:
        ServerRefused: the server does not answer, is not one of Prefect's, or does not start.
        SettingRefused: see `local_server.Mode.of` and `local_server.using`.
    """
    from prefect import settings

    updates: dict[Any, Any] = {}
    with ExitStack() as stack:
        if not is_embedded():
            _require_server()
        elif local_server.Mode.of(environment) is local_server.Mode.EMBEDDED:
            # It has no UI, and its port is not known before it starts.
            private = SERVER_SETTINGS | cors_setting("http://localhost")
            stack.callback(make_database_private, prefect_home())
            for name, value in private.items():
                os.environ.setdefault(name, value)
            updates[settings.PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS] = (
                _EMBEDDED_STARTUP_SECONDS
            )
        else:
            local = local_server.using(prefect_home(), environment, say)
            address = stack.enter_context(local)
            _LOCAL.set(address)
            updates[settings.PREFECT_API_URL] = address
        stack.enter_context(settings.temporary_settings(updates=updates))
        yield


def is_embedded() -> bool:
    """Say whether Prefect uses its embedded server, because no PREFECT_API_URL is configured."""
    from prefect.settings import get_current_settings

    return get_current_settings().api.url is None


def prefect_command(*words: str) -> str:
    """Return the command `prefect` with *words*, as the user types it for the server that was used last."""
    address = _LOCAL.get()
    given = "" if address is None else f"PREFECT_API_URL={address} "
    return f"{given}{shlex.join(('prefect', *words))}"


def is_on_local_server() -> bool:
    """Say whether the server that was used last is the local one, which ends when nothing uses it."""
    return _LOCAL.get() is not None


def prefect_home() -> Path:
    """Return Prefect's own folder, in which the local server's database and record are."""
    from prefect.settings import get_current_settings

    return get_current_settings().home


def say(text: str) -> None:
    """Print a line for the user to standard error; standard output is for results."""
    sys.stderr.write(f"{text}\n")


def _client() -> Any:
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    seconds = get_current_settings().api.request_timeout
    try:
        return get_client(
            sync_client=True,
            httpx_settings={
                "event_hooks": {"response": [_require_json]},
                "timeout": httpx.Timeout(seconds, connect=_CONNECT_SECONDS),
            },
        )
    except (RuntimeError, ValueError, OSError, httpx.InvalidURL) as error:
        if is_embedded():
            raise ServerRefused(
                f"Prefect's embedded server did not start: {error}",
                fix=f"repeat the command, or unset {variables.LOCAL_SERVER}: the server is shared then",
            ) from error
        raise _unreachable(error) from error


def _require_server() -> None:
    """Make sure that a Prefect server of the same major version answers at the configured address."""
    import httpx
    import prefect
    from prefect import settings
    from prefect.client.base import ServerType
    from prefect.exceptions import PrefectHTTPStatusError

    retries = min(_PROBE_RETRIES, settings.PREFECT_CLIENT_MAX_RETRIES.value())
    updates = {settings.PREFECT_CLIENT_MAX_RETRIES: retries}
    with settings.temporary_settings(updates=updates), _client() as client:
        is_cloud = client.server_type is ServerType.CLOUD
        try:
            answer = client.request("GET", "/health" if is_cloud else "/admin/version").json()
        except PrefectHTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                raise _no_prefect() from error
            raise _refusal(error) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(error) from error
    if is_cloud:
        return
    if not isinstance(answer, str):
        raise _no_prefect()
    if answer.partition(".")[0] != prefect.__version__.partition(".")[0]:
        raise ServerRefused(
            f"The Prefect server at {_address()} has release {answer}, this environment has {prefect.__version__}.",
            fix="use a server of the same major version: upgrade it, or correct PREFECT_API_URL",
        )


def _require_json(response: Any) -> None:
    """Refuse an answer that is not from a Prefect API: a login page, or another program's."""
    import httpx

    if not response.is_success or response.status_code == httpx.codes.NO_CONTENT:
        return
    response.read()
    try:
        response.json()
    except ValueError:
        raise _no_prefect() from None


def _no_prefect() -> ServerRefused:
    return ServerRefused(
        f"What answers at PREFECT_API_URL={_address()} is not a Prefect API.",
        fix="correct the address: it ends in /api, as in http://127.0.0.1:4200/api",
    )


def _unreachable(error: Exception) -> ServerRefused:
    how = (
        "unset it"
        if os.environ.get("PREFECT_API_URL")
        else "`prefect config unset PREFECT_API_URL`"
    )
    fix = f"start one with `prefect server start`, correct PREFECT_API_URL, or {how}: commands then use a local server"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        fix = "set PREFECT_API_SSL_CERT_FILE to the certificate of the authority that signed the server's"
    return ServerRefused(
        f"No Prefect server answers at PREFECT_API_URL={_address()} ({type(error).__name__}: {error}).",
        fix=fix,
    )


def _refusal(error: Any) -> ServerRefused:
    import httpx

    status = error.response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return ServerRefused(
            f"The Prefect server at {_address()} refuses the request ({status}).",
            fix="set PREFECT_API_AUTH_STRING (or PREFECT_API_KEY for Prefect Cloud)",
        )
    return ServerRefused(
        f"The Prefect server at {_address()} answered {status}: "
        f"{error.response.text[:_QUOTED_CHARACTERS]}",
        fix="correct what the answer names, or see the server's log",
    )


def _address() -> str:
    """Return the configured address without a password in it."""
    import httpx
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if url is None:
        return "127.0.0.1 (embedded)"
    try:
        return str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL:
        return url
