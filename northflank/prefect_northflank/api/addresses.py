"""What kind of address a text is; pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_http(url: str) -> bool:
    """Return whether *url* is the address of an HTTP server.

    >>> is_http("https://api.example.com"), is_http("api.example.com")
    (True, False)
    """
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def is_loopback(url: str) -> bool:
    """Return whether *url* is a loopback address.

    >>> is_loopback("http://127.0.0.1:4200/api"), is_loopback("https://api.example.com")
    (True, False)
    """
    host = urlsplit(url).hostname
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
