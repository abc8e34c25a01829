"""A random flow as a value: any nesting of lines, splits, foreaches, switches and loops, made from a seed.

Built from the end to the start, since a step must know what follows it. Every step computes one
number from what came before, so that a lost, doubled or wrongly ordered task changes the result.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from enum import Enum


class Kind(str, Enum):
    """What a step does with the tokens it gets."""

    LINE = "step"
    SPLIT = "split"
    FOREACH = "fan"
    JOIN = "join"
    GATHER = "gather"
    SWITCH = "choose"
    LOOP = "loop"


class Trouble(str, Enum):
    """What goes wrong in a step before it goes well."""

    NONE = "none"
    RAISES = "raises"
    EXITS = "exits"
    IS_KILLED = "is killed"
    IS_CAUGHT = "is caught"


class Merge(str, Enum):
    """How a join keeps what came before."""

    NOTHING = "nothing"
    ALL_ELSE = "all else"
    NAMED = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    `then` are the names of the steps that follow; the cases of a switch in order. `own` are the
    artifacts set within the block that a join ends, `parents` the number of steps that lead into it.
    `number` makes each step's arithmetic its own.
    """

    name: str
    kind: Kind
    number: int
    then: tuple[str, ...] = ()
    width: int = 0
    is_in_foreach: bool = False
    trouble: Trouble = Trouble.NONE
    failures: int = 0
    retries: int = 0
    merge: Merge = Merge.NOTHING
    own: tuple[str, ...] = ()
    parents: int = 1


@dataclass(slots=True)
class _Builder:
    """Adds steps in front of others until the budget is spent."""

    random: random.Random
    budget: int
    steps: list[Step] = field(default_factory=list)

    def chain(self, target: str, depth: int, *, in_foreach: bool, before_join: bool) -> str:
        """Put one to three elements in front of *target* and return the first step's name."""
        for _ in range(self.random.choice((1, 1, 2, 3))):
            target = self._element(target, depth, in_foreach=in_foreach, before_join=before_join)
            before_join = False
        return target

    def _element(self, target: str, depth: int, *, in_foreach: bool, before_join: bool) -> str:
        kinds = [Kind.LINE]
        if self.budget > 0 and depth < 4:
            kinds += [Kind.SPLIT, Kind.FOREACH, Kind.FOREACH, Kind.SWITCH, Kind.SWITCH, Kind.LOOP]
        kind = self.random.choice(kinds)
        if kind is Kind.LINE:
            return self._add(Kind.LINE, (target,), in_foreach=in_foreach)
        if kind in (Kind.SPLIT, Kind.FOREACH):
            return self._fork(kind, target, depth, in_foreach=in_foreach)
        if kind is Kind.LOOP:
            return self._loop(target, in_foreach=in_foreach, before_join=before_join)
        return self._switch(target, depth, in_foreach=in_foreach, before_join=before_join)

    def _fork(self, kind: Kind, target: str, depth: int, *, in_foreach: bool) -> str:
        is_foreach = kind is Kind.FOREACH
        join = self._add(Kind.GATHER if is_foreach else Kind.JOIN, (target,), in_foreach=in_foreach)
        position, before = len(self.steps) - 1, len(self.steps)
        count = 1 if is_foreach else self.random.choice((2, 2, 3))
        entries = tuple(
            self.chain(join, depth + 1, in_foreach=in_foreach or is_foreach, before_join=True)
            for _ in range(count)
        )
        own = tuple(name for step in self.steps[before:] for name in artifacts(step))
        parents = sum(join in step.then for step in self.steps[before:])
        self.steps[position] = replace(self.steps[position], own=own, parents=parents)
        width = self.random.choice((1, 2, 2, 3)) if is_foreach else 0
        return self._add(kind, entries, in_foreach=in_foreach, width=width)

    def _loop(self, target: str, *, in_foreach: bool, before_join: bool) -> str:
        if before_join:  # Metaflow wants a step between a condition and a join
            target = self._add(Kind.LINE, (target,), in_foreach=in_foreach)
        width = self.random.choice((1, 2, 3, 4))
        return self._add(Kind.LOOP, (target,), in_foreach=in_foreach, width=width)

    def _switch(self, target: str, depth: int, *, in_foreach: bool, before_join: bool) -> str:
        entries: list[str] = []
        for _ in range(self.random.choice((2, 2, 3))):
            goal, to_join = target, before_join
            if entries and self.random.random() < 0.3:  # this arm falls through into another
                goal, to_join = self.random.choice(entries), False
            elif not before_join and entries and self.random.random() < 0.2:
                entries.append(target)  # no arm at all: straight on
                continue
            entries.append(self.chain(goal, depth + 1, in_foreach=in_foreach, before_join=to_join))
        if len(set(entries)) == 1:
            entries.append(self._add(Kind.LINE, (target,), in_foreach=in_foreach))
        self.random.shuffle(entries)
        return self._add(Kind.SWITCH, tuple(entries), in_foreach=in_foreach)

    def _add(self, kind: Kind, then: tuple[str, ...], *, in_foreach: bool, width: int = 0) -> str:
        self.budget -= 1
        number = len(self.steps) + 1
        step = Step(
            name=f"{kind.value}_{number}", kind=kind, number=number, then=then,
            width=width, is_in_foreach=in_foreach,
        )  # fmt: skip
        if kind in (Kind.JOIN, Kind.GATHER):
            step = replace(step, merge=self.random.choice(tuple(Merge)))
        self.steps.append(self._troubled(step))
        return step.name

    def _troubled(self, step: Step) -> Step:
        if self.random.random() > 0.3:
            return step
        troubles = [Trouble.RAISES, Trouble.RAISES, Trouble.EXITS, Trouble.IS_KILLED]
        if step.kind in (Kind.LINE, Kind.SPLIT, Kind.JOIN, Kind.GATHER):  # where @catch is allowed
            troubles += [Trouble.IS_CAUGHT, Trouble.IS_CAUGHT]
        trouble = self.random.choice(troubles)
        if trouble is Trouble.IS_CAUGHT:
            retries = self.random.choice((0, 0, 1))
            return replace(step, trouble=trouble, retries=retries, failures=99)
        retries = self.random.choice((1, 1, 2))
        return replace(
            step, trouble=trouble, retries=retries, failures=self.random.randint(1, retries)
        )


def artifacts(step: Step) -> tuple[str, ...]:
    """Return the artifacts that *step* sets, besides `v`."""
    named = {
        Kind.FOREACH: (f"items_{step.number}",),
        Kind.SWITCH: (f"way_{step.number}",),
        Kind.LOOP: (f"way_{step.number}", f"turn_{step.number}"),
        Kind.GATHER: (f"order_{step.number}",),
    }
    # Metaflow's @catch leaves two, and one of them has the same name in every step.
    caught = (f"failed_{step.number}", "_catch_exception")
    is_caught = step.trouble is Trouble.IS_CAUGHT
    return (f"at_{step.number}", *named.get(step.kind, ()), *(caught if is_caught else ()))


def flow(seed: int, *, budget: int = 6) -> tuple[Step, ...]:
    """Return the steps of the flow that *seed* makes, the first one first; `end` is not among them."""
    builder = _Builder(random.Random(seed), budget)
    entry = "end"
    while builder.budget > 0:
        entry = builder.chain(entry, 0, in_foreach=False, before_join=False)
    return tuple(reversed(builder.steps))
