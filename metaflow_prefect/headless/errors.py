"""What can go wrong with the stack, one class for each thing the user can do about it.

HeadlessError
├── SettingsRefused     a variable cannot be read, or two exclude each other (all at once)
├── StorageRefused      the database cannot be used as asked for
├── PortTaken           another process listens where a service should
├── MessagingRefused    several API processes have no Redis to talk through
├── HomeRefused         PREFECT_HOME cannot be written
├── NoSuchName          the command names a service, log, example or program there is none of
├── RecordUnreadable    another version has started the stack, and this one cannot read its record
├── StackFailed         a service gave up, or did not become healthy in time
└── NotRunning          the command needs a running stack
"""

from __future__ import annotations

from metaflow_prefect.errors import MetaflowPrefectError


class HeadlessError(MetaflowPrefectError):
    """Base of the errors of `prefect-headless`."""

    headline = "prefect-headless"


class SettingsRefused(HeadlessError):
    """One or more settings cannot be used; every one is named, not only the first."""

    headline = "Settings refused"

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems), fix="correct the variables above and start again")


class StorageRefused(HeadlessError):
    """The database cannot be used as asked for, and falling back would hide it."""

    headline = "Storage refused"


class PortTaken(HeadlessError):
    """Another process listens on a port that a service needs."""

    headline = "Port taken"


class HomeRefused(HeadlessError):
    """PREFECT_HOME cannot be created or written."""

    headline = "PREFECT_HOME refused"


class MessagingRefused(HeadlessError):
    """Several API processes are asked for, and what they talk through is not there."""

    headline = "Redis refused"


class RecordUnreadable(HeadlessError):
    """Another version has started the stack, and its record lacks what this one needs."""

    headline = "Another version's stack"


class NoSuchName(HeadlessError):
    """There is no service, log, example flow or program of the name that was given."""

    headline = "No such name"


class StackFailed(HeadlessError):
    """A service gave up, or the stack was not healthy in time; everything was stopped again."""

    headline = "Stack failed"


class NotRunning(HeadlessError):
    """The command needs a stack that runs, and none does at this PREFECT_HOME."""

    headline = "Not running"
