"""The Secret block of a deployment, which holds what @environment captured from the deploying environment."""

from __future__ import annotations

from typing import Any

from metaflow_prefect.runtime.store.captured_environment import (
    BLOCK_TYPE,
    CapturedEnvironment,
    block_name,
)


def save(client: Any, deployment_id: str, captured: CapturedEnvironment) -> None:
    """Store *captured* in the deployment's block; remove the block if nothing was captured."""
    from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate

    if not captured.variables:
        delete(client, deployment_id)
        return
    data = {"value": captured.to_json()}
    existing = _find(client, deployment_id)
    if existing is not None:
        change = BlockDocumentUpdate(data=data, merge_existing_data=False)
        client.update_block_document(existing.id, change)
        return
    kind = client.read_block_type_by_slug(BLOCK_TYPE)
    schema = client.get_most_recent_block_schema_for_block_type(kind.id)
    client.create_block_document(
        BlockDocumentCreate(
            name=block_name(deployment_id),
            data=data,
            block_type_id=kind.id,
            block_schema_id=schema.id,
        )
    )


def delete(client: Any, deployment_id: str) -> None:
    """Remove the deployment's block, if it has one."""
    existing = _find(client, deployment_id)
    if existing is not None:
        client.delete_block_document(existing.id)


def _find(client: Any, deployment_id: str) -> Any | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_block_document_by_name(
            block_name(deployment_id), BLOCK_TYPE, include_secrets=False
        )
    except ObjectNotFound:
        return None
