"""Makes a Prefect server without a password refuse cross-site requests.

A web page open in the browser of a user who can reach the server could otherwise use it:

* by DNS rebinding: the page's own name resolves to the server's address, and the browser
  takes the server for the page's. The `Host` header then is a name that is none of the server's.
* by what browsers send without asking the server first: WebSockets (live events and logs, and the
  events that set off automations) and plain POSTs. The `Origin` header then is another site's.

With a password none of that gets anywhere, so every name is let through.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from metaflow_prefect.server_settings import ORIGINS_VARIABLE

if TYPE_CHECKING:
    from prefect.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

RESERVED = (".localhost", ".internal")
"""Domains that cannot be registered: RFC 6761, and ICANN's for private use (a container reaches its host
as `host.docker.internal`)."""
BAD_REQUEST = 400
POLICY_VIOLATION = 1008


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The host names the server answers to, and the origins whose pages may use it."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, *, origins: Iterable[str], names: Iterable[str]) -> Trust:
        """Return what follows from the allowed *origins* and the server's further *names*."""
        pages = frozenset(origin.strip().rstrip("/").lower() for origin in origins)
        hosts = {_host(urlsplit(page).netloc) for page in pages} | {name.lower() for name in names}
        return cls(hosts=frozenset(hosts), origins=pages)

    def refusal(self, host: str, origin: str | None) -> str | None:
        """Return why a request with these headers is refused, None if it is not."""
        if not self._is_ours(_host(host)):
            return (
                f"This Prefect server has no password and does not answer to the name {_host(host)!r} "
                f"(the request may come from a page of another site). If the name is yours, add "
                f"http://{host} to {ORIGINS_VARIABLE} and start the server again."
            )
        if origin and not self._may_ask(origin, host):
            return (
                f"This Prefect server has no password and accepts no requests from pages of {origin}. "
                f"If they are yours, add that to {ORIGINS_VARIABLE} and start the server again."
            )
        return None

    def _is_ours(self, host: str) -> bool:
        return (
            # Browsers always name a host; some old probes do not.
            not host
            or host in self.hosts
            # DNS rebinding needs a domain: an address
            # cannot be made to lead elsewhere, and a name without a dot (a container's, a
            # service's) is resolved by the network the browser is in.
            or "." not in host
            or host.endswith(RESERVED)
            or _is_address(host)
        )

    def _may_ask(self, origin: str, host: str) -> bool:
        return origin.lower() in self.origins or urlsplit(origin).netloc.lower() == host.lower()


def trust(settings: Settings) -> Trust | None:
    """Return what a server with Prefect's *settings* trusts; None if it has a password, or allows every origin."""
    server = settings.server
    origins = server.api.cors_allowed_origins.split(",")
    if server.api.auth_string is not None or "*" in origins:
        return None
    addresses = (settings.api.url, server.ui.api_url)
    names = (urlsplit(str(address)).hostname for address in addresses if address)
    return Trust.of(
        origins=origins, names=(*filter(None, names), server.api.host, socket.gethostname())
    )


def guarded(application: Application, trusted: Trust | None) -> Application:
    """Return *application* without the requests that *trusted* refuses."""
    if trusted is None:
        return application

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        reason = None if scope["type"] == "lifespan" else _refusal(trusted, scope)
        if reason is None:
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # its `connect`: closing before the answer refuses the handshake
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
        else:
            await _refuse(send, reason)

    return guard


def _refusal(trusted: Trust, scope: Message) -> str | None:
    headers = {name: text.decode("latin-1") for name, text in scope["headers"]}
    return trusted.refusal(headers.get(b"host", ""), headers.get(b"origin"))


async def _refuse(send: Send, reason: str) -> None:
    # In the form of Prefect's own errors, so that its client shows the reason.
    body = json.dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": BAD_REQUEST, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _host(netloc: str) -> str:
    """Return the name in a `Host` header: lowercase, without port, brackets and trailing dot."""
    try:
        name = urlsplit(f"//{netloc}").hostname
    except ValueError:
        return "."  # unreadable, hence not the server's
    return (name or "").rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
