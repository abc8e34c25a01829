"""The environment of a container: variables of secret groups, job, run and platform."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from northflank_emulator.choices import UnknownVariable
from northflank_emulator.fields.schema import JsonObject
from northflank_emulator.state.job_spec import part, variables, whole
from northflank_emulator.state.models import Job, SecretGroup

RUNTIME = frozenset({"environment", "environment-arguments"})
"""The types of secret groups whose variables a container gets."""
BUILD = frozenset({"arguments", "environment-arguments"})
"""The types of secret groups whose variables a build gets."""
_TEMPLATE = re.compile(r"\$\{([^${}]+)\}")
_RANDOM_SECRET = re.compile(r"fn\.randomSecret\((\d{1,3})\)")
_MAXIMUM_REPLACEMENTS = 10_000


def applies(group: SecretGroup, job: Job) -> bool:
    """Return whether *job* inherits *group*; an unrestricted group applies to every job of its project."""
    restrictions = part(group.spec, "restrictions")
    if not restrictions.get("restricted"):
        return True
    return _named(restrictions, job) or _tagged(restrictions, job)


def inherited(
    groups: Iterable[SecretGroup], job: Job, kinds: frozenset[str] = RUNTIME
) -> dict[str, str]:
    """Return the variables *job* gets from secret groups; where two collide, the higher priority wins."""
    merged: dict[str, str] = {}
    for group in sorted(groups, key=_priority):
        if group.spec.get("secretType") in kinds and applies(group, job):
            merged.update(variables(group.spec, "secrets", "variables"))
    return merged


def container_variables(
    groups: Mapping[str, str],
    own: Mapping[str, str],
    platform: Mapping[str, str],
    random_secret: Callable[[int], str],
    unknown: UnknownVariable = UnknownVariable.KEPT,
) -> dict[str, str]:
    """Return the environment of a container: *own* (job and run) over *groups*, templates expanded.

    The job cannot change the variables of *platform*.
    """
    merged = {**groups, **own}
    expansion = _Expansion(merged, random_secret, unknown)
    return {**{name: expansion.of(name) for name in merged}, **platform}


def _named(restrictions: JsonObject, job: Job) -> bool:
    objects = restrictions.get("nfObjects")
    return isinstance(objects, list) and {"id": job.id, "type": "job"} in objects


def _tagged(restrictions: JsonObject, job: Job) -> bool:
    wanted = restrictions.get("tags")
    tags = job.spec.get("tags")
    if not isinstance(wanted, list) or not wanted or not isinstance(tags, list):
        return False
    has = [tag in tags for tag in wanted]
    return all(has) if restrictions.get("tagMatchCondition") == "and" else any(has)


def _priority(group: SecretGroup) -> tuple[int, int]:
    return (whole(group.spec.get("priority"), 0), group.number)


class _Expansion:
    """Replaces `${NAME}` and `${fn.randomSecret(n)}`; what becomes of unknown names is a choice.

    Unchanged stays a name that refers back to itself, and whatever is left after a number of replacements: a few
    variables that refer to each other twice would otherwise grow without end.
    """

    def __init__(
        self,
        merged: Mapping[str, str],
        random_secret: Callable[[int], str],
        unknown: UnknownVariable,
    ) -> None:
        self._unknown = unknown
        self._merged = merged
        self._random_secret = random_secret
        self._left = _MAXIMUM_REPLACEMENTS

    def of(self, name: str) -> str:
        """Return the value of the variable *name*, expanded."""
        return self._expand(self._merged[name], frozenset({name}))

    def _expand(self, text: str, seen: frozenset[str]) -> str:
        return _TEMPLATE.sub(lambda match: self._value(match, seen), text)

    def _value(self, match: re.Match[str], seen: frozenset[str]) -> str:
        name = match.group(1)
        self._left -= 1
        if self._left < 0:
            return match.group(0)
        function = _RANDOM_SECRET.fullmatch(name)
        if function:
            return self._random_secret(int(function.group(1)))
        if name not in self._merged and self._unknown is UnknownVariable.REMOVED:
            return ""
        if name not in self._merged or name in seen:
            return match.group(0)
        return self._expand(self._merged[name], seen | {name})
