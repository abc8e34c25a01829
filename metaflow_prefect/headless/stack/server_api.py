"""The few requests the stack makes to Prefect's API: ready, work pool, workers, counts, automation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from typing_extensions import Self

from metaflow_prefect.headless.services.process_environment import ZOMBIE_SECONDS
from metaflow_prefect.headless.settings.model import is_loopback

ZOMBIE_AUTOMATION = "Crash flow runs without a heartbeat (prefect-headless)"
UNREACHABLE = (httpx.HTTPError,)
"""What httpx raises where no Prefect server answers, or one that does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Flow runs by where they are; `late` are those that should have begun already."""

    scheduled: int
    late: int
    pending: int
    running: int


class UnknownVariables(Exception):
    """Job variables that the pool's template does not have."""

    def __init__(self, unknown: list[str], known: list[str]) -> None:
        self.unknown = unknown
        self.known = known
        super().__init__(f"{unknown} not among {known}")


class _RetryTransport(httpx.HTTPTransport):
    """Repeats requests that the server answers with 503: its database was busy, and it did nothing.

    Source: prefect.server.api.server, `is_client_retryable_exception` (a locked SQLite).
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* again while the answer is 503, for about ten seconds."""
        for pause in (0.2, 0.5, 1, 1, 2, 2, 3):
            response = super().handle_request(request)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response
            response.close()
            time.sleep(pause)
        return super().handle_request(request)


class ServerApi:
    """Prefect's REST API at *url* (`http://…/api`)."""

    def __init__(self, url: str, auth_string: str | None, *, timeout_seconds: float = 10) -> None:
        user, _, password = (auth_string or "").partition(":")
        self._client = httpx.Client(
            base_url=url,
            auth=httpx.BasicAuth(user, password) if auth_string else None,
            timeout=timeout_seconds,
            trust_env=_through_proxy(url),
            transport=_RetryTransport(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def pool_type(self, name: str) -> str | None:
        """Return the type of the work pool *name*, None if there is no such pool."""
        answer = self._client.get(f"/work_pools/{name}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(answer.raise_for_status().json()["type"])

    def set_job_variables(self, pool: str, defaults: Mapping[str, object]) -> None:
        """Make *defaults* the defaults of the job variables of *pool*.

        Raises:
            UnknownVariables: the pool's template has no such variable.
        """
        found = self._client.get(f"/work_pools/{pool}").raise_for_status().json()
        template = found["base_job_template"]
        known = template.get("variables", {}).get("properties", {})
        unknown = sorted(set(defaults) - set(known))
        if unknown:
            raise UnknownVariables(unknown, sorted(known))
        for name, text in defaults.items():
            known[name]["default"] = text
        changed = {"base_job_template": template}
        self._send("PATCH", f"/work_pools/{pool}", changed).raise_for_status()

    def online_workers(self, pool: str) -> tuple[str, ...]:
        """Return the names of the workers of *pool* that are online."""
        answer = self._send("POST", f"/work_pools/{pool}/workers/filter", {})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return ()
        found = answer.raise_for_status().json()
        return tuple(worker["name"] for worker in found if worker["status"] == "ONLINE")

    def queue(self) -> Queue:
        """Return how many flow runs wait and run."""
        return Queue(
            scheduled=self._count({"type": {"any_": ["SCHEDULED"]}}),
            late=self._count({"name": {"any_": ["Late"]}}),
            pending=self._count({"type": {"any_": ["PENDING"]}}),
            running=self._count({"type": {"any_": ["RUNNING"]}}),
        )

    def ensure_zombie_automation(self) -> bool:
        """Create the automation unless it exists; return whether it was created.

        As in docs.prefect.io/v3/advanced/detect-zombie-flows: a flow run that has sent a heartbeat
        and neither sends another nor ends within `ZOMBIE_SECONDS` is marked Crashed.
        """
        ours = {"automations": {"name": {"any_": [ZOMBIE_AUTOMATION]}}}
        known = self._send("POST", "/automations/filter", ours)
        if known.raise_for_status().json():
            return False
        self._send("POST", "/automations/", _zombie_automation()).raise_for_status()
        return True

    def _count(self, state: dict[str, Any]) -> int:
        answer = self._send("POST", "/flow_runs/count", {"flow_runs": {"state": state}})
        return int(answer.raise_for_status().json())

    def _send(self, method: str, path: str, body: object) -> httpx.Response:
        """Send a request that changes something, with a CSRF token if the server wants one.

        Prefect's own client does the same (prefect.client.base, `_add_csrf_headers`).
        """
        answer = self._client.request(method, path, json=body)
        if answer.status_code != httpx.codes.FORBIDDEN or "CSRF" not in answer.text:
            return answer
        client = str(uuid4())
        given = self._client.get("/csrf-token", params={"client": client}).raise_for_status()
        token = str(given.json()["token"])
        self._client.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client})
        return self._client.request(method, path, json=body)


class HealthAnswer(Enum):
    """What a health address answers."""

    OK = "200"
    ERROR = "another status, or nothing in time"
    NOT_LISTENING = "no connection"


def probe(url: str, *, timeout_seconds: float = 5) -> HealthAnswer:
    """Request the health address *url* once."""
    try:
        answer = _client(through_proxy=_through_proxy(url)).get(url, timeout=timeout_seconds)
    except httpx.ConnectError:
        return HealthAnswer.NOT_LISTENING
    except UNREACHABLE:
        return HealthAnswer.ERROR
    return HealthAnswer.OK if answer.status_code == httpx.codes.OK else HealthAnswer.ERROR


def is_answering(url: str) -> bool:
    """Return whether *url* answers 200."""
    return probe(url) is HealthAnswer.OK


@cache
def _client(*, through_proxy: bool) -> httpx.Client:
    """Return a client for health addresses, which are asked often: each client loads all certificates, 30 ms of CPU.

    It keeps no connection: the services are ended and started again.
    """
    return httpx.Client(trust_env=through_proxy, limits=httpx.Limits(max_keepalive_connections=0))


def _through_proxy(url: str) -> bool:
    """Return whether requests to *url* use the user's proxy, which must not see those to this machine."""
    return not is_loopback(urlsplit(url).hostname or "")


def _zombie_automation() -> dict[str, Any]:
    ended = ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")
    return {
        "name": ZOMBIE_AUTOMATION,
        "description": "Flow runs whose process or machine died would stay Running forever.",
        "enabled": True,
        "trigger": {
            "type": "event",
            "posture": "Proactive",
            "after": ["prefect.flow-run.heartbeat"],
            "expect": [
                "prefect.flow-run.heartbeat",
                *(f"prefect.flow-run.{state}" for state in ended),
            ],
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": ZOMBIE_SECONDS,
        },
        "actions": [
            {
                "type": "change-flow-run-state",
                "state": "CRASHED",
                "message": "No heartbeat: the process or the machine of this flow run died.",
            }
        ],
    }
