"""What a container finds in its environment: secret groups, the job, the run, the platform."""

import re
from collections.abc import Callable, Iterable, Mapping

from northflank_emulator.job_spec import part, variables, whole
from northflank_emulator.models import Job, SecretGroup
from northflank_emulator.schema import JsonObject

_TEMPLATE = re.compile(r"\$\{([^${}]+)\}")
_RANDOM_SECRET = re.compile(r"fn\.randomSecret\((\d{1,3})\)")
_MAXIMUM_EXPANDED = 1_000_000


def applies(group: SecretGroup, job: Job) -> bool:
    """Whether *job* inherits *group*: an unrestricted group goes to every job of its project."""
    if group.spec.get("secretType") == "arguments":
        return False
    restrictions = part(group.spec, "restrictions")
    if not restrictions.get("restricted"):
        return True
    return _named(restrictions, job) or _tagged(restrictions, job)


def inherited(groups: Iterable[SecretGroup], job: Job) -> dict[str, str]:
    """The variables *job* gets from secret groups; where two collide, the higher priority wins."""
    merged: dict[str, str] = {}
    for group in sorted(groups, key=_priority):
        if applies(group, job):
            merged.update(variables(group.spec, "secrets", "variables"))
    return merged


def container_variables(
    groups: Mapping[str, str],
    own: Mapping[str, str],
    platform: Mapping[str, str],
    random_secret: Callable[[int], str],
) -> dict[str, str]:
    """The environment of a container: *own* (job and run) over *groups*, templates expanded.

    The platform's variables are what they are, whatever the job says.
    """
    merged = {**groups, **own}
    return {**_expanded(merged, random_secret), **platform}


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


def _expanded(merged: Mapping[str, str], random_secret: Callable[[int], str]) -> dict[str, str]:
    """*merged* with `${NAME}` and `${fn.randomSecret(n)}` replaced; unknown names stay as they are.

    A name that leads back to itself stays too.
    """

    def expand(text: str, seen: frozenset[str]) -> str:
        def value_of(match: re.Match[str]) -> str:
            name = match.group(1)
            function = _RANDOM_SECRET.fullmatch(name)
            if function:
                return random_secret(int(function.group(1)))
            if name not in merged or name in seen:
                return match.group(0)
            return expand(merged[name], seen | {name})

        expanded = _TEMPLATE.sub(value_of, text)
        return expanded if len(expanded) <= _MAXIMUM_EXPANDED else text

    return {name: expand(value, frozenset({name})) for name, value in merged.items()}
