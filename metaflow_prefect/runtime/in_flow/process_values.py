"""Notices when the import of a flow asks for a value that each process must have for itself: its id, random bytes, a temporary file.

A flow names files after such values (`"/tmp/x-%d" % os.getpid()`), and forked tasks would all have the same.
Only requests of the flow's own modules count, direct ones and those through a standard module that exists for them:
a library asks again in a fork.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import os
import random
import sys
from types import FrameType
from typing import Any

_TEMPORARY = "made a temporary file or folder, which tasks would share"
_BYTES = "drew random bytes, which would be the same in all tasks"
_ID = "asked for its process id, which would be the same in all tasks"

_WATCHED: tuple[tuple[Any, str, str], ...] = (
    (os, "getpid", _ID),
    (os, "urandom", _BYTES),
    (random, "_urandom", _BYTES),
    (os, "mkdir", _TEMPORARY),
    (os, "open", _TEMPORARY),
)

_TEMPFILE = "tempfile"

_THROUGH = frozenset({"uuid", "secrets", "random", _TEMPFILE, "multiprocessing.process"})


_SEED_BYTES = (16,)
"""What NumPy draws for a generator without a seed (`SeedSequence` in numpy/random/bit_generator.pyx)."""


def _is_numpys_seed(caller: FrameType, args: tuple[Any, ...]) -> bool:
    """Say whether NumPy draws for a generator, which `random_generators` seeds again in each fork.

    It does so by `secrets.randbits` from compiled code, which has no frame: the flow seems to have called.
    """
    return (
        args == _SEED_BYTES
        and caller.f_code.co_name == "getrandbits"
        and "numpy.random" in sys.modules
    )


class ProcessValueWatch:
    """Watches from now to `end`."""

    def __init__(self, flow_file: str) -> None:
        self._folder = os.path.dirname(os.path.abspath(flow_file)) + os.sep  # noqa: PTH100, PTH120  no pathlib before the flow asks for it
        self._asked: dict[str, None] = {}
        self._originals = [(place, name, getattr(place, name)) for place, name, _ in _WATCHED]
        for place, name, what in _WATCHED:
            setattr(place, name, self._watching(getattr(place, name), what))

    def end(self) -> tuple[str, ...]:
        """Stop watching; return, in words, what was asked for."""
        for place, name, original in self._originals:
            setattr(place, name, original)
        return tuple(self._asked)

    def _watching(self, original: Any, what: str) -> Any:
        def watching(*args: Any, **options: Any) -> Any:
            caller = sys._getframe(1)  # noqa: SLF001  the way to see who calls
            if self._is_the_flow(caller, what) and not _is_numpys_seed(caller, args):
                self._asked[what] = None
            return original(*args, **options)

        return watching

    def _is_the_flow(self, caller: FrameType, what: str) -> bool:
        """Say whether one of the flow's own modules has called, directly or through one of `_THROUGH`."""
        frame: FrameType | None = caller
        passed: list[tuple[str, str]] = []
        while frame is not None and frame.f_globals.get("__name__") in _THROUGH:
            passed.append((frame.f_globals["__name__"], frame.f_code.co_name))
            frame = frame.f_back
        if frame is None or not self._is_own(frame):
            return False
        if what is not _TEMPORARY:
            # The names of temporary files are random as well; whether one is made says more.
            return all(name != _TEMPFILE for name, _ in passed)
        # `TemporaryDirectory` is found by what it leaves behind.
        return bool(passed) and all(
            item[0] == _TEMPFILE and item[1] != "__init__" for item in passed
        )

    def _is_own(self, frame: FrameType) -> bool:
        file = str(frame.f_globals.get("__file__") or "")
        is_beside = file.startswith(self._folder) and "site-packages" not in file
        return frame.f_globals.get("__name__") == "__main__" or is_beside
