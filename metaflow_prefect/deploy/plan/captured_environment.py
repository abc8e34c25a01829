"""Which values of @environment come from the environment of whoever deploys; pure.

`@environment(vars={"TOKEN": os.environ["TOKEN"]})` means the value of that moment: where the run will
be, the variable is another one or missing, and without it the flow cannot even be imported.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What has to be kept secret for the runs: never to be shown, only `names` may be.

    `variables` are those of the deploying environment, `steps` the values of @environment made from them.
    """

    variables: _Variables = field(default_factory=dict, repr=False)
    steps: Mapping[str, _Variables] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables of the deploying environment."""
        return tuple(sorted(self.variables))

    def as_secret(self) -> str:
        """Return it as the text that `runtime.kept` reads."""
        steps = {step: dict(values) for step, values in self.steps.items()}
        return json.dumps({"variables": dict(self.variables), "steps": steps})


def taken(code: Iterable[bytes], steps: Mapping[str, _Variables], environment: _Variables) -> Taken:
    """Find the variables of *environment* that *code* names and whose values are in *steps*' values.

    A name that the code puts together from pieces is not found.
    """
    named = {text for source in code for text in _texts(source)}
    variables = {
        name: value
        for name, value in environment.items()
        if name in named
        and value
        and any(value in made for values in steps.values() for made in values.values())
    }
    made_from = {
        step: {
            name: made
            for name, made in values.items()
            if any(value in made for value in variables.values())
        }
        for step, values in steps.items()
    }
    return Taken(
        variables=variables, steps={step: values for step, values in made_from.items() if values}
    )


def values_of_environment(graph: Iterable[Any]) -> dict[str, dict[str, str]]:
    """Return the values of @environment in Metaflow's *graph*, by step."""
    found = {
        node.name: {
            str(name): str(value)
            for decorator in node.decorators
            if decorator.name == "environment"
            for name, value in decorator.attributes["vars"].items()
        }
        for node in graph
    }
    return {step: values for step, values in found.items() if values}


def _texts(source: bytes) -> Iterable[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # no Python: a data file of the package
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
