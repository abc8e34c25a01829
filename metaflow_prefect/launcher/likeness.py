"""What a process has from its parent, and a fork of the launcher could not take over: it must be the same.

What a fork can take over travels in the request (`request.py`): the words, the environment, the working directory, the
open files, the file mode mask and the ignored signals. The environment counts here all the same, because modules may
have read it when the launcher imported them.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_ABOUT_THE_SHELL = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "WINDOWID"})
"""Variables that differ from one command of a shell to the next, and that no module reads when it is imported."""

_OF_THE_SYSTEM = ("cgroup", "oom_score_adj", "attr/current")
"""Files of /proc/self: what the system grants a process, and charges it to."""

_DIGEST_CHARACTERS = 16


def digest(environment: Mapping[str, str]) -> str:
    """Return what is equal for two processes of which one may stand in for the other; *environment* is this one's."""
    told = "\0".join(_facts(environment))
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST_CHARACTERS]


def _facts(environment: Mapping[str, str]) -> Iterator[str]:
    yield from (sys.executable, sys.version, sys.prefix, str(sys.flags))
    yield str(sys.warnoptions)
    # Its first entry is the folder of the program.
    yield from sys.path[1:]
    for name in sorted(environment.keys() - _ABOUT_THE_SHELL):
        yield f"{name}={environment[name]}"
    yield str((os.getresuid(), os.getresgid(), sorted(os.getgroups())))
    for name in sorted(dir(resource)):
        if name.startswith("RLIMIT_"):
            yield f"{name}={resource.getrlimit(getattr(resource, name))}"
    yield str((os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0))))
    own = Path("/proc/self")
    for name in _OF_THE_SYSTEM:
        with suppress(OSError):
            yield (own / name).read_text()
    with suppress(OSError):
        yield from sorted(str(link.readlink()) for link in (own / "ns").iterdir())
