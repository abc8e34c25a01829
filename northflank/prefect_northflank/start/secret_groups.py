"""Puts secrets into Northflank secret groups that only the jobs of a work pool inherit."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from prefect_northflank.api.client import NorthflankClient
from prefect_northflank.api.responses import Json, JsonObject, Project
from prefect_northflank.errors import (
    ConfigurationError,
    Conflict,
    Forbidden,
    NorthflankError,
    Rejected,
    TagForbidden,
)
from prefect_northflank.job import names

PRIORITY = 10
"""Priority of the group among those a job inherits (API field `priority`, 0 to 100)."""


class SecretGroups:
    """The secret groups of one account; each is put once per process and change of its values."""

    def __init__(self, client: NorthflankClient) -> None:
        self._client = client
        self._put: dict[tuple[Project, str], str] = {}
        self._tags: dict[tuple[Project, str], Sequence[str]] = {}
        self._forbidden_tags: dict[tuple[Project, str], Forbidden] = {}
        # Many flow runs are submitted at a time: the first one puts the group, the others wait for it.
        self._locks: defaultdict[tuple[Project, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def tag_for(
        self, project: Project, *, pool: str, secret: Mapping[str, str], identity: str
    ) -> str | None:
        """Return the tag with which a job inherits *secret*; None if there is nothing to inherit.

        *identity* tells apart work pools of the same name (several Prefect servers, one Northflank project).
        """
        if not secret:
            return None
        name = names.secret_group(pool, identity)
        fingerprint = hashlib.sha256(repr(sorted(secret.items())).encode()).hexdigest()
        async with self._locks[project, name]:
            if self._put.get((project, name)) != fingerprint:
                await self._put_group(project, name, pool=pool, secret=secret)
                self._put[project, name] = fingerprint
        return name

    async def tags_of(self, project: Project, groups: Sequence[str]) -> Sequence[str]:
        """Return the tags with which a job inherits the user's own *groups*; each is read once per process.

        Raises:
            ConfigurationError: a group admits only objects that it names, which a new job cannot be.
        """
        tags: list[str] = []
        for group in groups:
            async with self._locks[project, group]:
                if (project, group) not in self._tags:
                    self._tags[project, group] = admitting_tags(
                        group, await self._client.secret_group(project, group)
                    )
            tags += self._tags[project, group]
        return tags

    def reason_for(
        self, rejected: Rejected, project: Project, *, tags: Sequence[str]
    ) -> NorthflankError:
        """Return why a request with *tags* was rejected: a tag does not exist, or else Northflank's own reason.

        The next request tries to create the tag again: by then the role may have the permission it lacked.
        """
        for tag in tags:
            forbidden = self._forbidden_tags.get((project, tag))
            if forbidden is not None and "tag" in rejected.message.lower():
                self._put.pop((project, tag), None)
                return TagForbidden(tag, said=forbidden.message)
        return rejected

    async def _put_group(
        self, project: Project, name: str, *, pool: str, secret: Mapping[str, str]
    ) -> None:
        self._forbidden_tags.pop((project, name), None)
        try:
            # An earlier worker may have created it.
            with suppress(Conflict):
                await self._client.create_tag(tag_body(name, pool=pool), team=project.team)
        except Forbidden as forbidden:
            # `prefect-northflank init` may have created it with another token; the first request with the tag will show.
            self._forbidden_tags[project, name] = forbidden
        try:
            await self._client.put_secret_group(project, group_body(name, pool=pool, secret=secret))
        except Rejected as rejected:
            raise self.reason_for(rejected, project, tags=[name]) from rejected


def admitting_tags(group: str, fields: JsonObject) -> Sequence[str]:
    """Return the tags that admit a job to the group with these *fields* of the API; none if it admits every job."""
    restrictions = fields.get("restrictions")
    if not isinstance(restrictions, dict) or not restrictions.get("restricted"):
        return ()
    tags = restrictions.get("tags")
    if not isinstance(tags, list) or not tags:
        raise ConfigurationError(
            what=f"secret group {group}",
            why="it is restricted to named services and jobs, so a new job cannot inherit it",
            remedy="restrict it to a tag instead",
        )
    return [str(tag) for tag in tags]


def tag_body(name: str, *, pool: str) -> JsonObject:
    """Return the tag that admits jobs to the group."""
    return {
        "name": name,
        "description": names.description(f"Jobs of the Prefect work pool {pool}"),
        "color": "#2D6DF6",
    }


def group_body(name: str, *, pool: str, secret: Mapping[str, str]) -> JsonObject:
    """Return the secret group, restricted to jobs that carry the tag of the same name."""
    variables: dict[str, Json] = dict(secret)
    return {
        "name": name,
        "description": names.description(f"Secrets of jobs of the Prefect work pool {pool}"),
        "secretType": "environment",
        "type": "secret",
        "priority": PRIORITY,
        "restrictions": {"restricted": True, "tags": [name], "tagMatchCondition": "or"},
        "secrets": {"variables": variables},
    }
