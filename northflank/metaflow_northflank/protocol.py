"""What the processes of a run say to its broker and hear from it: JSON objects, one a line, over a Unix socket.

A connection is one conversation: that of the run's process, or of one task. Closing it says that the other side is gone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

SOCKET = "METAFLOW_NORTHFLANK_SOCKET"
"""The variable that tells the processes of tasks where the run's broker listens."""

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one message: a task may have many inputs."""

Message = dict[str, Any]


class Ask(str, Enum):
    """What the broker is asked (`ask` of a message)."""

    PREPARE = "prepare"
    """By the run: check what its steps need; answered with refusals or plans."""
    FINISH = "finish"
    """By the run: end or leave what still runs; answered with how many."""
    FIND_LEFT = "find left"
    """By the run: find the jobs of this user's other runs of this flow; answered with them."""
    REMOVE_LEFT = "remove left"
    """By the run: delete those of them whose runs are lost; answered with which."""
    START = "start"
    """By a task: start its container; answered with news."""
    ATTACH = "attach"
    """By a task whose broker was replaced: follow the container it has."""
    RECORDED = "recorded"
    """By a task: the token of the next start is in the datastore."""
    BEGUN = "begun"
    """By a task: an earlier start has begun to execute it, another must not follow."""
    EXPLAIN = "explain"
    """By a task: say why its container ended."""
    WAITS = "waits"
    """By a task: say what its container waits for."""
    DONE = "done"
    """By a task: it is over; its container need not be ended, or has been given up (`abort`)."""


class News(str, Enum):
    """What the broker tells (`news` of a message)."""

    PREPARED = "prepared"
    FINISHED = "finished"
    LEFT = "left"
    """Jobs of other runs: found, or removed."""
    WAITING = "waiting"
    """A sentence about what the start waits for."""
    TOKEN = "token"  # noqa: S105  of a start, not of an account
    """The token of the next request to start, which the task has to record first."""
    STARTED = "started"
    CONCLUDED = "concluded"
    """Northflank shows the container's job run as over."""
    EXPLAINED = "explained"
    REFUSED = "refused"
    """The container cannot be started."""


def encoded(message: Mapping[str, Any]) -> bytes:
    """Return the line that carries *message*."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decoded(line: bytes) -> Message:
    """Return the message that *line* carries.

    Raises:
        ValueError: it carries none.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(line[:100])  # noqa: TRY004  callers treat it as any other malformed line
    return message
