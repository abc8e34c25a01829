"""Which environment variables of a job come from Prefect blocks, found before Prefect fills in the values: pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prefect.utilities.templating import PlaceholderType, find_placeholders

FIELDS = ("env", "runtime_environment")
"""Job variables that become the environment of the container."""

_PREFIX = "prefect.blocks."


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReference:
    """A block to which a template refers, by type and name or by id."""

    slug: str = ""
    name: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableOrigin:
    """Where the value of an environment variable comes from."""

    blocks: frozenset[BlockReference]
    text: str
    """The template text; equal texts become equal values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentOrigins:
    """Where the values of a job's environment come from."""

    by_key: Mapping[str, VariableOrigin]
    of_all: VariableOrigin
    """The origin of fields that are one reference, whose variables only the block knows."""

    @property
    def blocks(self) -> frozenset[BlockReference]:
        """All blocks that contribute to the environment."""
        return self.of_all.blocks.union(*(origin.blocks for origin in self.by_key.values()))

    def of(self, key: str) -> VariableOrigin | None:
        """Return the origin of *key*; None if no block contributes to it."""
        return self.by_key.get(key) or (self.of_all if self.of_all.blocks else None)


def origins(base_job_template: Mapping[str, Any], values: Mapping[str, Any]) -> EnvironmentOrigins:
    """Return the environment variables that a pool's template, its defaults or a deployment's *values* take from blocks.

    A value that another one overrides counts, too; the variable is then kept secret without need.
    """
    properties = base_job_template.get("variables", {}).get("properties", {})
    defaults = {name: field.get("default") for name, field in properties.items()}
    variables = {**defaults, **values}
    parts: dict[str, list[Any]] = {}
    whole: list[Any] = []
    for layer in _layers(base_job_template, defaults, values):
        if isinstance(layer, Mapping) and "$ref" not in layer:
            for key, value in layer.items():
                parts.setdefault(key, []).append(value)
        elif layer is not None:
            whole.append(layer)
    by_key = {key: _origin(written, variables) for key, written in parts.items()}
    return EnvironmentOrigins(
        by_key={key: origin for key, origin in by_key.items() if origin.blocks},
        of_all=_origin(whole, variables),
    )


def _layers(
    base_job_template: Mapping[str, Any], defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[Any]:
    """Yield everything that contributes to the environment; deployments may also write `env.NAME`."""
    configuration = base_job_template.get("job_configuration", {})
    for field in FIELDS:
        template = configuration.get(field)
        # The usual template is the variable itself, which comes next.
        if template != f"{{{{ {field} }}}}":
            yield template
        yield defaults.get(field)
        yield values.get(field)
        dotted = f"{field}."
        yield {key.removeprefix(dotted): it for key, it in values.items() if key.startswith(dotted)}


def _origin(written: list[Any], variables: Mapping[str, Any]) -> VariableOrigin:
    """Return the origin of what is *written*, directly or through a variable of the template."""
    names = {
        placeholder.name
        for placeholder in _placeholders(written)
        if placeholder.type is PlaceholderType.STANDARD
    }
    used = [*written, *(variables.get(name) for name in sorted(names - set(FIELDS)))]
    return VariableOrigin(
        blocks=frozenset([*_named(used), *_numbered(used)]), text=json.dumps(used, default=str)
    )


def _named(value: Any) -> Iterator[BlockReference]:  # noqa: ANN401  JSON of any form
    """Yield the blocks of `{{ prefect.blocks.<type>.<name>… }}`."""
    for placeholder in _placeholders(value):
        slug, _, rest = placeholder.name.removeprefix(_PREFIX).partition(".")
        if placeholder.type is PlaceholderType.BLOCK_DOCUMENT and rest:
            yield BlockReference(slug=slug, name=rest.partition(".")[0])


def _numbered(value: Any) -> Iterator[BlockReference]:  # noqa: ANN401  JSON of any form
    """Yield the blocks of `{"$ref": {"block_document_id": …}}`."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, Mapping) and reference.get("block_document_id"):
            yield BlockReference(id=str(reference["block_document_id"]))
    if isinstance(value, (Mapping, list)):
        for below in value.values() if isinstance(value, Mapping) else value:
            yield from _numbered(below)


def _placeholders(value: Any) -> Any:  # noqa: ANN401  JSON of any form; Prefect's own type is not public
    return find_placeholders(json.dumps(value, default=str))
