"""A probe: a fact, and the look at the API that confirms or refutes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx

from tests.live.api import LiveApi, NoCallsLeft, NotAllowed, Unavailable, Unexpected
from tests.live.facts import CHOICES, Fact, Finding, Outcome, Verdict, not_tried
from tests.live.names import RunNames
from tests.live.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a probe may use."""

    api: LiveApi
    names: RunNames
    scenario: Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A fact and how it is looked at."""

    fact: Fact
    look: Callable[[Session], Verdict]

    def find(self, session: Session) -> Finding:
        """Look, and return what was found; a probe that fails is a finding, too."""
        return Finding(fact=self.fact, verdict=self._verdict(session))

    def _verdict(self, session: Session) -> Verdict:
        try:
            return self.look(session)
        except NoCallsLeft:
            return not_tried("the calls that are left of this hour are needed for cleaning up")
        except (NotAllowed, Unavailable) as failure:
            return not_tried(str(failure))
        except httpx.HTTPError as error:
            return not_tried(f"the API did not answer: {error!r}")
        except Unexpected as problem:
            return self._failed(str(problem))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            return self._failed(f"{session.api.last} has another form: {error!r}")

    def _failed(self, problem: str) -> Verdict:
        """Return the verdict after a step failed that the worker would fail at, too, if it relies on the fact."""
        if self.fact.relied_on:
            return Verdict(outcome=Outcome.REFUTED, seen=problem)
        return not_tried(problem)


def choice(name: str, look: Callable[[Session], Verdict]) -> Probe:
    """Return the probe of a choice that the emulator's README lists."""
    return Probe(fact=CHOICES[name], look=look)


def untried_choice(name: str, why: str) -> Probe:
    """Return the probe of a choice that this program cannot try."""
    return choice(name, lambda _: not_tried(why))


def inference(
    name: str, assumed: str, look: Callable[[Session], Verdict], *, relied_on: str = ""
) -> Probe:
    """Return the probe of a fact that was inferred from documentation and clients."""
    return Probe(fact=Fact(name=name, question="", assumed=assumed, relied_on=relied_on), look=look)


def find_all(probes: Iterable[Probe], session: Session) -> Iterator[Finding]:
    """Yield what each probe finds."""
    for probe in probes:
        yield probe.find(session)
