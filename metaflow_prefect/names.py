"""Names: what Metaflow, Prefect and Python call the same thing, and how to convert them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_A_WORD = re.compile(r"\W+", re.ASCII)

RUN_ID_VARIABLE = "METAFLOW_RUN_ID"
"""The variable by which Metaflow's runtime tells every task its run (`metaflow.runtime.Worker._launch`)."""

PARAMETERS_TASK_ID = "t-params"
"""Task id of the `_parameters` task; not numeric, so that no metadata service takes it for one of its own ids."""


class Identifier(str):
    """A valid Python identifier that is neither a keyword nor a builtin.

    >>> Identifier.of("my-param"), Identifier.of("class"), Identifier.of("3d")
    ('my_param', 'class_', '_3d')
    """

    __slots__ = ()

    @classmethod
    def of(cls, name: str, *, taken: Iterable[str] = ()) -> Identifier:
        """Return an identifier close to *name* that is not in *taken*."""
        word = _NOT_A_WORD.sub("_", name) or "_"
        if word[0].isdigit():
            word = f"_{word}"
        reserved = set(taken)
        while keyword.iskeyword(word) or word in reserved:
            word += "_"
        return cls(word)


def snake_case(name: str) -> str:
    """Turn a class name into a function name.

    >>> snake_case("MyHTTPFlow"), snake_case("Branch2Flow")
    ('my_http_flow', 'branch2_flow')
    """
    return _WORD_BOUNDARY.sub("_", name).lower()


def option_key(parameter: str) -> str:
    """Return click's key of a parameter's option; names with the same key are the same to Metaflow.

    >>> option_key("Learning-Rate")
    'learning_rate'
    """
    return parameter.replace("-", "_").lower()


def unique_identifiers(names: Iterable[str], *, taken: Iterable[str]) -> Mapping[str, Identifier]:
    """Return a different identifier for each of *names*, none of them in *taken*."""
    used = set(taken)
    identifiers: dict[str, Identifier] = {}
    for name in names:
        identifiers[name] = Identifier.of(name, taken=used)
        used.add(identifiers[name])
    return identifiers


def run_id(flow_run_id: object) -> str:
    """Return the Metaflow run id of a Prefect flow run."""
    return f"prefect-{flow_run_id}"


def task_id(indices: tuple[int, ...], iteration: int) -> str:
    """Return the Metaflow task id at a position of the graph; the same for every attempt and execution.

    >>> task_id((), 0), task_id((2, 5), 0), task_id((1,), 3)
    ('t', 't-2-5', 't-1-i3')
    """
    loop = (f"i{iteration}",) if iteration else ()
    return "-".join(("t", *map(str, indices), *loop))


def task_label(step: str, indices: tuple[int, ...], iteration: int) -> str:
    """Return the name of the Prefect task run, which people see.

    >>> task_label("train", (), 0), task_label("train", (2, 5), 0), task_label("loop", (), 3)
    ('train', 'train[2,5]', 'loop#3')
    """
    place = f"[{','.join(map(str, indices))}]" if indices else ""
    loop = f"#{iteration}" if iteration else ""
    return f"{step}{place}{loop}"


def artifact_key(*words: str) -> str:
    """Return a Prefect artifact key: lower-case letters, digits and single dashes.

    >>> artifact_key("MyFlow", "train_model")
    'my-flow-train-model'
    """
    joined = "-".join(snake_case(word) for word in words)
    return re.sub(r"[^a-z0-9]+", "-", joined).strip("-")
