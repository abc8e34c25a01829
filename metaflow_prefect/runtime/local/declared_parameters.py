"""The parameters of a flow as its generated file declares them; plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Json:
    """The type of a parameter of Metaflow's `JSONType`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the flow.

    `name` is Metaflow's; `argument` is that of the generated function, where it has to differ
    (dashes, keywords). `default` is what Metaflow evaluated when the flow was compiled.
    """

    name: str
    type: type = str
    default: object = None
    required: bool = False
    help: str = ""
    choices: tuple[str, ...] = ()
    argument: str | None = None

    @property
    def keyword(self) -> str:
        """The name of the generated function's argument."""
        return self.argument or self.name
