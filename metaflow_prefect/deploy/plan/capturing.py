"""Which values of @environment come from the environment in which the flow is deployed; pure.

`@environment(vars={"TOKEN": os.environ["TOKEN"]})` means the value of that moment: where the run
executes, the variable is different or missing, and without it the flow cannot even be imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from metaflow_prefect.runtime.store.captured_environment import CapturedEnvironment

_Variables = Mapping[str, str]


def capture(
    code: Iterable[bytes], steps: Mapping[str, _Variables], environment: _Variables
) -> CapturedEnvironment:
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
    return CapturedEnvironment(
        variables=variables, steps={step: values for step, values in made_from.items() if values}
    )


def _texts(source: bytes) -> Iterable[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a data file of the package, not Python
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
