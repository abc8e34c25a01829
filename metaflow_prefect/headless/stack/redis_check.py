"""Checks Redis, through which several API processes talk to each other."""

from __future__ import annotations

from importlib.util import find_spec

from metaflow_prefect.headless.errors import MessagingRefused
from metaflow_prefect.headless.settings.model import Settings
from metaflow_prefect.headless.settings.sources import Sources

PACKAGE = "prefect_redis"
PREFIX = "PREFECT_REDIS_MESSAGING_"
SINGLE = ("redis://", "rediss://")
"""Other forms (`redis+sentinel://`, `redis+cluster://`) name several servers: left to prefect-redis."""
TIMEOUT_SECONDS = 5


def require(settings: Settings) -> None:
    """Check that several API processes can talk to each other; one process needs nothing.

    Raises:
        MessagingRefused: the package is not installed, or Redis refuses the connection.
    """
    if settings.server.api_processes == 1:
        return
    if find_spec(PACKAGE) is None:
        raise MessagingRefused(
            "PREFECT_SERVER_WORKERS above 1 needs the package prefect-redis",
            fix="pip install prefect-redis (Python 3.11 or newer), or PREFECT_SERVER_WORKERS=1",
        )
    url = _url(settings.sources)
    if url.startswith(SINGLE):
        _ping(url, settings.sources)


def _url(sources: Sources) -> str:
    """Return the URL of Redis, by the variables and defaults of prefect-redis (`RedisMessagingSettings`)."""
    given = sources.get(f"{PREFIX}URL")
    if given:
        return given
    scheme = "rediss" if (sources.get(f"{PREFIX}SSL") or "").lower() in {"1", "true"} else "redis"
    host = sources.get(f"{PREFIX}HOST") or "localhost"
    return f"{scheme}://{host}:{sources.get(f'{PREFIX}PORT') or 6379}"


def _ping(url: str, sources: Sources) -> None:
    import redis

    client = redis.Redis.from_url(
        url,
        username=sources.get(f"{PREFIX}USERNAME"),
        password=sources.get(f"{PREFIX}PASSWORD"),
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
    )
    try:
        client.ping()
    except redis.RedisError as error:
        raise MessagingRefused(
            f"Redis, which PREFECT_SERVER_WORKERS above 1 needs, cannot be used: {error}",
            fix=f"start it, or correct {PREFIX}HOST, …PORT, …PASSWORD or …URL",
        ) from error
    finally:
        client.close()
