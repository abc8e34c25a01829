"""Locks: the packages of steps with the hashes of their files, for one Python on one platform; pure.

A generated file carries them as comments below its code, so that people can read and compare them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BEGIN = re.compile(
    r"^# --- lock \w+: Python (?P<python>[\d.]+) on (?P<platform>\S+), for (?P<steps>.+) ---$"
)
_END = "# --- end of locks ---"
_KEY_LENGTH = 12
_OPTION = "-"
"""What a line of options (an index's address) begins with; it is never part of a lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where packages are to be installed: a Python, as "3.12", and a platform as uv's `--python-platform` names it."""

    python: str
    platform: str

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The packages that some steps share: `requirements` is the text that `uv pip compile --generate-hashes` writes."""

    target: Target
    requirements: str
    steps: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What names the content, whatever steps it is for."""
        text = f"{self.target}\n{self.requirements}"
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages with their versions, as `name==version`."""
        found = (line.partition(" ")[0] for line in self.requirements.splitlines())
        return tuple(name for name in found if name and not name.startswith(_OPTION))

    def lines(self) -> tuple[str, ...]:
        """Return the lock as comment lines of a generated file; a line "# --- end of locks ---" follows the last lock."""
        head = f"# --- lock {self.key}: {self.target}, for {', '.join(self.steps)} ---"
        return (head, *(f"# {line}" for line in self.requirements.splitlines()))


@dataclass(frozen=True, slots=True)
class LockedPackages:
    """The locks that a generated file carries, by key."""

    locks: Mapping[str, Lock] = field(default_factory=dict)


def locked_packages(generated_file: str) -> LockedPackages:
    """Return the locks of a generated file, which calls this with its own path."""
    return parse(Path(generated_file).read_text(encoding="utf-8"))


def parse(text: str) -> LockedPackages:
    """Return the locks in the *text* of a generated file, as `Lock.lines` has written them.

    One that was changed since has another key, which no step names.
    """
    found: dict[str, Lock] = {}
    head: re.Match[str] | None = None
    body: list[str] = []

    def finish() -> None:
        if head is not None:
            target = Target(python=head["python"], platform=head["platform"])
            steps = tuple(head["steps"].split(", "))
            requirements = "".join(f"{line}\n" for line in body)
            lock = Lock(target=target, requirements=requirements, steps=steps)
            found[lock.key] = lock
        body.clear()

    for line in text.splitlines():
        begins = _BEGIN.match(line)
        if begins or line == _END:
            finish()
            head = begins
        elif head is not None:
            body.append(line.removeprefix("# "))
    finish()
    return LockedPackages(found)


def requirements_only(compiled: str) -> str:
    r"""Return what uv has *compiled* without the lines that name an index, and without comments.

    >>> requirements_only("--index-url https://me:secret@host/simple\n\na==1 \\\n    --hash=sha256:0\n")
    'a==1 \\\n    --hash=sha256:0\n'
    """
    lines = (line for line in compiled.splitlines() if line.strip())
    return "".join(f"{line}\n" for line in lines if not line.startswith((_OPTION, "#")))
