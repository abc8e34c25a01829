"""Environment variables made of blocks that keep secrets are known before Prefect puts the values in."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect_northflank import NorthflankJobConfiguration, NorthflankWorker
from prefect_northflank.api.access import Access
from prefect_northflank.job.block_references import BlockReference, origins

SECRET = "{{ prefect.blocks.secret.db-password }}"
DB_PASSWORD = BlockReference(slug="secret", name="db-password")
NIL = str(UUID(int=0))


def blocks_of(values, *, template=None) -> dict[str, set[BlockReference]]:
    pools = template or NorthflankWorker.get_default_base_job_template()
    found = origins(pools, values)
    return {key: set(origin.blocks) for key, origin in found.by_key.items()}


@pytest.mark.parametrize("field", ["env", "runtime_environment"])
@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        "{{prefect.blocks.secret.db-password.value}}",
        f"postgres://me:{SECRET}@db/x",
        f'a "quoted" {SECRET}',
    ],
)
def test_a_block_is_seen_wherever_it_is_in_a_value(field, written):
    assert blocks_of({field: {"A": written, "B": "plain"}}) == {"A": {DB_PASSWORD}}
    assert blocks_of({f"{field}.A": written, "name": SECRET}) == {"A": {DB_PASSWORD}}


def test_a_block_named_by_its_id_is_seen():
    assert blocks_of({"env": {"A": {"$ref": {"block_document_id": NIL}}}}) == {
        "A": {BlockReference(id=NIL)}
    }


def test_a_block_in_a_pools_defaults_or_template_is_seen():
    template = NorthflankWorker.get_default_base_job_template()
    template["variables"]["properties"]["env"]["default"] = {"A": SECRET}
    template["variables"]["properties"]["password"] = {"default": "plain"}
    template["job_configuration"]["runtime_environment"] = {"B": "{{ password }}", "C": SECRET}

    assert blocks_of({}, template=template) == {"A": {DB_PASSWORD}, "C": {DB_PASSWORD}}
    assert blocks_of({"password": SECRET}, template=template)["B"] == {DB_PASSWORD}


def test_an_environment_that_is_one_block_as_a_whole_is_its():
    found = origins(NorthflankWorker.get_default_base_job_template(), {"env": SECRET})

    assert found.of("ANY").blocks == {DB_PASSWORD}


# -- with Prefect's answers given by hand --------------------------------------------------------------------


def document(name, value, *, secret: bool) -> dict:
    fields = {"secret_fields": ["value"] if secret else []}
    schema = {"checksum": "c", "fields": fields, "block_type_id": NIL}
    ids = {"id": NIL, "block_schema_id": NIL, "block_type_id": NIL}
    return {"name": name, "data": {"value": value}, "block_schema": schema, **ids}


DOCUMENTS = {
    "db-password": document("db-password", "s3cret", secret=True),
    "region": document("region", "eu", secret=False),
}


def configured(documents=DOCUMENTS, **values) -> NorthflankJobConfiguration:
    """Return what a deployment with these job variables becomes for a flow run."""

    def server(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=documents[request.url.path.rpartition("/")[2]])

    async def scenario():
        settings = {"transport": httpx.MockTransport(server)}
        async with PrefectClient("http://prefect.test/api", httpx_settings=settings) as client:
            return await NorthflankJobConfiguration.from_template_and_values(
                NorthflankWorker.get_default_base_job_template(), values, client=client
            )

    configuration = asyncio.run(scenario())
    configuration.prepare_for_flow_run(FlowRun(flow_id=UUID(int=2), name="amber-bat"))
    return configuration


ENV = {"URL": f"postgres://me:{SECRET}@db", "REGION": "{{ prefect.blocks.json.region }}", "A": "a"}


def test_what_comes_from_a_secret_block_is_in_the_secret_half_of_the_environment():
    made = configured(env=ENV, runtime_environment={"TOKEN": SECRET})
    environment = made.environment(Access(token="t"))

    assert environment.secret == {"URL": "postgres://me:s3cret@db", "TOKEN": "s3cret"}
    assert environment.plain["REGION"] == "eu"
    assert environment.plain["A"] == "a"
    assert "s3cret" not in str(environment.plain)


def identity(made: NorthflankJobConfiguration) -> str:
    return made.secret_identity(made.environment(Access(token="t")).secret)


def test_a_new_value_of_a_block_goes_to_the_same_group_whose_identity_hides_it():
    rotated = DOCUMENTS | {"db-password": document("db-password", "n3w", secret=True)}
    before, after = configured(env=ENV), configured(rotated, env=ENV)

    assert identity(before) == identity(after)
    assert "s3cret" not in identity(before)


def test_deployments_that_make_other_variables_of_blocks_have_other_groups():
    one, other = configured(env=ENV), configured(env={**ENV, "URL": f"mysql://me:{SECRET}@db"})

    assert len({identity(one), identity(other), identity(configured(env={"A": "a"}))}) == 3
