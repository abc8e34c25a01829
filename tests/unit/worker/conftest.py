"""A Northflank made of a plain function, and time that passes only in `sleep`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from prefect_northflank.api.access import Access
from prefect_northflank.api.budget import RateBudget
from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.retry import LongRetry
from prefect_northflank.records import prefect_retry

Answer = httpx.Response | Exception


@dataclass
class Time:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@dataclass
class Wire:
    """What the client sent, and what it gets back: answers in turn, or a function of the request."""

    answers: list[Answer] = field(default_factory=list)
    answer: Callable[[httpx.Request], Answer] | None = None
    sent: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        given = (
            self.answers.pop(0)
            if self.answers
            else self.answer(request)
            if self.answer
            else httpx.Response(200, json={"data": {}})
        )
        if isinstance(given, Exception):
            raise given
        return given

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.sent]

    def body(self, index: int) -> Any:
        return json.loads(self.sent[index].content)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def client(wire: Wire, time: Time) -> NorthflankClient:
    return NorthflankClient(
        Access(token="t0ken", base_url="https://nf.test"),
        transport=httpx.MockTransport(wire),
        budget=RateBudget(clock=time),
        sleep=time.sleep,
    )


@pytest.fixture
def told() -> list[str]:
    """What is said in a flow run's log."""
    return []


@pytest.fixture
def long_retry(time: Time, told: list[str]) -> LongRetry:
    """Retries for ten minutes of a time that passes only in `sleep`."""
    return LongRetry(max_seconds=600, report=told.append, sleep=time.sleep, clock=time)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect is asked again at once."""
    monkeypatch.setattr(prefect_retry, "FIRST_WAIT_SECONDS", 0.0)
