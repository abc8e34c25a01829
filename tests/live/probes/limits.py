"""Probes of the rate limit. They only read what is left of it; using it up is a program's decision of its own."""

from __future__ import annotations

from collections.abc import Callable

from tests.live.api import Answer, Unexpected
from tests.live.facts import CHOICES, Finding, Verdict, judged, not_tried
from tests.live.log_tail import Tail
from tests.live.probe import Probe, Session, choice, inference

_REMAINING = "x-ratelimit-remaining"
_ATTEMPTS = 3
"""Other programs may use the account at the same time: the smallest difference counts."""

_MOST_CALLS = 1500


def _headers(session: Session) -> Verdict:
    headers = session.api.call("GET", "").headers
    found = {name: headers.get(f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")}
    seen = ", ".join(f"{name} {value}" for name, value in found.items())
    values = [int(value) for value in found.values() if value and value.isdigit()]
    is_so = len(values) == len(found) and values[0] >= values[1] and values[2] <= 3600
    return judged(is_so, seen)


def _remaining(answer: Answer) -> int:
    try:
        return int(answer.headers[_REMAINING])
    except (KeyError, ValueError):
        raise Unexpected(f"the answers have no header {_REMAINING}") from None


def _is_free(session: Session, do: Callable[[], None]) -> Verdict:
    used = []
    for _ in range(_ATTEMPTS):
        before = _remaining(session.api.call("GET", ""))
        do()
        used.append(before - _remaining(session.api.call("GET", "")) - 1)
    seen = f"it took {min(used)} of the calls that are left"
    return judged(min(used) == 0, seen)


def _counted_tails(session: Session) -> Verdict:
    run = session.scenario.started("facts")

    def open_one() -> None:
        with Tail(session.api, run.job, run.id):
            pass

    return _is_free(session, open_one)


def _counted_strangers(session: Session) -> Verdict:
    def call() -> None:
        session.api.call("GET", "", token="not-a-token")

    return _is_free(session, call)


def retry_after(session: Session, *, wanted: bool) -> Finding:
    """Return the finding about `Retry-After`; if *wanted*, use up the limit for that."""
    fact = CHOICES["retry-after"]
    why = "it takes using up the calls of an hour; `--use-up-rate-limit` does that"
    verdict = _use_up(session) if wanted else not_tried(why)
    return Finding(fact=fact, verdict=verdict)


def _use_up(session: Session) -> Verdict:
    for _ in range(_MOST_CALLS):
        answer = session.api.once("GET", "")
        if answer.status == 429:
            found = answer.headers.get("retry-after")
            return judged(found is None, f"429 with `Retry-After` {found or 'absent'}")
        if not answer.is_success:
            return not_tried(str(answer))
    return not_tried(f"{_MOST_CALLS} calls did not use up the limit")


PROBES: tuple[Probe, ...] = (
    inference(
        "rate-headers", "every answer says what is left of the hour's calls, and the seconds to the next hour", _headers,
        relied_on="the worker spaces its calls by them",
    ),
    choice("counted-tails", _counted_tails),
    choice("counted-strangers", _counted_strangers),
)  # fmt: skip
