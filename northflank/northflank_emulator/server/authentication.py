"""How callers are known: by a token, a password, or as a browser on this machine."""

from __future__ import annotations

import base64
from ipaddress import ip_address

from starlette.requests import HTTPConnection


def bearer_token(request: HTTPConnection) -> str:
    """Return the token in the header `Authorization: Bearer …`, or an empty one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def password(request: HTTPConnection) -> str:
    """Return the password in the header `Authorization: Basic …`, or an empty one."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        user_and_password = base64.b64decode(encoded).decode()
    except ValueError:
        return ""
    return user_and_password.partition(":")[2] if scheme.lower() == "basic" else ""


def is_local_request(request: HTTPConnection) -> bool:
    """Return whether a client on this machine asked for this machine by an address or as `localhost`.

    The host name of a foreign page may resolve to 127.0.0.1, and the page could read the answers (DNS rebinding).
    Its header `Host` then has that name, never an address or `localhost`.
    """
    if request.client is None or not _is_loopback(request.client.host):
        return False
    name = _host_of(request.headers.get("host", ""))
    return name == "localhost" or name.endswith(".localhost") or _is_address(name)


def _host_of(header: str) -> str:
    """Return the name or address in a header `Host`, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0].lower() if ":" in header else header.lower()


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
