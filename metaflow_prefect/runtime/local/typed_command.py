"""How a command of this flow is typed, so that users can paste the commands of messages into a shell.

Words in capitals stand for values that only the user knows: `RUN`, `POOL`, `VALUE`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextvars import ContextVar

UNKNOWN = ("python", "FLOW.py")
"""The first words where no command of a flow is executed: in a notebook, or in a generated file."""

_BEGINNING: ContextVar[tuple[str, ...]] = ContextVar("metaflow_prefect_typed", default=UNKNOWN)


def beginning(argv: Sequence[str], rest: Sequence[str]) -> tuple[str, ...]:
    """Return the words before `prefect`: the flow's file and Metaflow's top-level options, which also apply to other commands.

    *rest* are the words of *argv* from `prefect` on.

    >>> beginning(["my flow.py", "--production", "prefect", "deploy"], ["prefect", "deploy"])
    ('python', 'my flow.py', '--production')
    """
    file, *words = argv
    count = len(words) - len(rest)
    is_ours = count >= 0 and words[count:] == list(rest)
    return ("python", file, *(words[:count] if is_ours else ()))


def begin_with(words: tuple[str, ...]) -> None:
    """Have `typed` begin with these words from now on, in this context."""
    _BEGINNING.set(words)


def typed(*words: str) -> str:
    """Return the command `prefect` with *words*, as the user types it for this flow.

    >>> typed("logs", "prefect-1")
    'python FLOW.py prefect logs prefect-1'
    """
    return shlex.join((*_BEGINNING.get(), "prefect", *words))


def values(parameters: Iterable[str]) -> tuple[str, ...]:
    """Return the words that give values to *parameters*.

    >>> values(["alpha", "my-int"])
    ('--alpha', 'VALUE', '--my-int', 'VALUE')
    """
    return tuple(word for name in parameters for word in (f"--{name}", "VALUE"))
