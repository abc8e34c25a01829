"""An emulator of the Northflank jobs API: real HTTP, real job runs as local processes.

from northflank_emulator import Emulator, Fault, FaultKind

with Emulator() as emulator:
    ...  # talk to emulator.base_url with emulator.token
    with emulator.fault(Fault(kind=FaultKind.DROP_AFTER, route="start.job.run")):
        ...
"""

from __future__ import annotations

from northflank_emulator.choices import AbortedRun, Choices, LogPrefix, RetryAfter, RunOrder
from northflank_emulator.emulator import (
    DEFAULT_TOKEN,
    CallFailedError,
    Emulator,
    EmulatorNotStartedError,
)
from northflank_emulator.execution.scripted import Outcome
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.server.request_log import RecordedRequest
from northflank_emulator.settings import Limits, Pace, Settings
from northflank_emulator.state.permissions import Role

__all__ = [
    "DEFAULT_TOKEN",
    "AbortedRun",
    "CallFailedError",
    "Choices",
    "Emulator",
    "EmulatorNotStartedError",
    "Fault",
    "FaultKind",
    "Limits",
    "LogPrefix",
    "Outcome",
    "Pace",
    "RecordedRequest",
    "RetryAfter",
    "Role",
    "RunOrder",
    "Settings",
]
