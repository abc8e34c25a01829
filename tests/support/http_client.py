"""HTTP to servers on this machine, again and again."""

from __future__ import annotations

import httpx

HTTP = httpx.Client(
    timeout=60,
    # Tests end servers and start them again: a connection that was kept would be one to a server that is gone.
    limits=httpx.Limits(max_keepalive_connections=0),
)
"""For what a test asks more than once: `httpx.get` loads all certificates each time, which takes 30 ms of CPU."""
