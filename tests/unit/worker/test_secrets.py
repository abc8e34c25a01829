"""What opens the Prefect API goes into one restricted group, put when its value is new."""

from __future__ import annotations

import asyncio
import json
import traceback

import httpx
import pytest
from prefect_northflank.api.responses import Project
from prefect_northflank.errors import ConfigurationError, Rejected
from prefect_northflank.start.secret_groups import SecretGroups, admitting_tags

P = Project(id="demo")


def tag(groups, value, *, pool="nf"):
    return groups.tag_for(P, pool=pool, secret={"PREFECT_API_KEY": value}, identity="https://p/api")


def test_the_group_admits_only_jobs_with_its_tag(client, wire):
    name = asyncio.run(tag(SecretGroups(client), "k1"))

    body = wire.body(1)
    assert body["name"] == name
    assert body["restrictions"] == {"restricted": True, "tags": [name], "tagMatchCondition": "or"}
    assert body["secrets"]["variables"] == {"PREFECT_API_KEY": "k1"}


def test_the_group_is_put_again_only_when_the_value_changes(client, wire):
    async def scenario():
        groups = SecretGroups(client)
        return {await tag(groups, value) for value in ("k1", "k1", "k2", "k2")}

    assert len(asyncio.run(scenario())) == 1
    assert [call.split()[0] for call in wire.calls] == ["POST", "PUT", "POST", "PUT"]


def test_many_flow_runs_at_once_put_the_group_once_and_read_the_users_own_once(client, wire):
    wire.answer = lambda _: httpx.Response(200, json={"data": {"id": "mine"}})

    async def scenario():
        groups = SecretGroups(client)
        await asyncio.gather(*(tag(groups, "k1") for _ in range(50)))
        await asyncio.gather(*(groups.tags_of(P, ["mine"]) for _ in range(50)))

    asyncio.run(scenario())
    assert [call.split()[0] for call in wire.calls] == ["POST", "PUT", "GET"]


@pytest.mark.parametrize("status", [409, 403])
def test_a_tag_that_exists_or_that_init_made_is_no_error(client, wire, status):
    wire.answers = [httpx.Response(status, json={"error": {"message": "no"}})]

    assert asyncio.run(tag(SecretGroups(client), "k1"))


def test_a_job_refused_for_a_tag_that_could_not_be_made_names_the_permission(client, wire):
    wire.answers = [httpx.Response(403, json={"error": {"message": "lacks Tags > Create"}})]
    refused = Rejected(status=400, method="PUT", path="/jobs", message="tags: names an unknown tag")

    async def scenario():
        groups = SecretGroups(client)
        name = await tag(groups, "k1")
        reason = groups.reason_for(refused, P, tags=["mine", name])
        await tag(groups, "k1")
        return reason

    reason = str(asyncio.run(scenario()))
    assert "lacks Tags > Create" in reason
    assert "Account > Platform > Tags: Create" in reason
    assert "job variable" not in reason
    assert [call.split()[0] for call in wire.calls] == ["POST", "PUT"] * 2, "it is tried again"


def test_a_job_refused_for_another_reason_is_told_that_reason(client, wire):
    wire.answers = [httpx.Response(403, json={"error": {"message": "no"}})]
    refused = Rejected(status=400, method="PUT", path="/jobs", message="billing: no such plan")

    async def scenario():
        groups = SecretGroups(client)
        return groups.reason_for(refused, P, tags=[await tag(groups, "k1")])

    assert asyncio.run(scenario()) is refused


def test_pools_do_not_share_a_group(client):
    async def scenario():
        groups = SecretGroups(client)
        return await tag(groups, "k", pool="a"), await tag(groups, "k", pool="b")

    one, other = asyncio.run(scenario())
    assert one != other


def test_no_error_shows_a_secret_that_northflank_quotes(client, wire):
    wire.answer = lambda request: httpx.Response(
        409 if request.url.path.endswith("/tags") else 400,
        json={"error": {"message": "Invalid", "details": json.loads(request.content)}},
    )

    # Not written in the call: Python 3.13 shows all lines of a call in a traceback.
    secret = {"PREFECT_API_KEY": "pnu_1'\\"}

    with pytest.raises(Rejected) as refused:
        asyncio.run(SecretGroups(client).tag_for(P, pool="nf", secret=secret, identity=""))

    shown = "".join(traceback.format_exception(refused.value))
    assert "PREFECT_API_KEY" in shown
    assert "pnu_1" not in shown


@pytest.mark.parametrize(
    "shown",
    [lambda body: body, json.dumps, lambda body: json.dumps(body, ensure_ascii=False)],
    ids=["details", "as JSON", "as JSON of a browser"],
)
def test_no_error_shows_a_part_of_a_secret_longer_than_its_quote(shown, client, wire):
    """A key of several lines: cut off first, it would not be recognised."""
    wire.answer = lambda request: httpx.Response(
        409 if request.url.path.endswith("/tags") else 400,
        json={"error": {"message": "Invalid", "details": shown(json.loads(request.content))}},
    )
    secret = {"KEY": 'é"\n' + "SECRET" * 1000}

    with pytest.raises(Rejected) as refused:
        asyncio.run(SecretGroups(client).tag_for(P, pool="nf", secret=secret, identity=""))

    assert "KEY" in str(refused.value)
    assert "SECRET" not in "".join(traceback.format_exception(refused.value))


def test_nothing_secret_needs_no_group(client, wire):
    assert asyncio.run(SecretGroups(client).tag_for(P, pool="nf", secret={}, identity="")) is None
    assert wire.calls == []


@pytest.mark.parametrize(
    ("restrictions", "tags"),
    [(None, []), ({"restricted": False}, []), ({"restricted": True, "tags": ["etl"]}, ["etl"])],
)
def test_a_users_own_group_tells_the_tags_a_job_needs(restrictions, tags):
    assert list(admitting_tags("g", {"restrictions": restrictions})) == tags


def test_a_group_for_named_objects_cannot_be_inherited_by_a_new_job():
    fields = {"restrictions": {"restricted": True, "nfObjects": [{"id": "x", "type": "job"}]}}
    with pytest.raises(ConfigurationError, match="restrict it to a tag"):
        admitting_tags("g", fields)
