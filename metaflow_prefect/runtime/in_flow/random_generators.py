"""Random numbers in forked tasks: as random, or as fixed, as the flow's own import makes them.

A flow that seeds a generator when it is imported gets the same numbers in every fresh process, and
must get them in every fork; one that does not gets different numbers in each process, and must in each fork.
It imports nothing of this package: it is loaded by path, where the package may not be importable.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

_WORDS = 624
"""Of the Mersenne Twister's state, which is renewed as a whole."""

_RENEWALS = 256
"""How far a generator that was not seeded is followed: some 160,000 numbers."""

_LARGEST_SEED = 1 << 64
"""The operating system's entropy has 128 bits; a seed that a person chose is smaller."""


class RandomGenerators:
    """The state of the generators before the flow is imported; `reseed` is called in each child."""

    def __init__(self) -> None:
        self._before = random.getstate()
        self._fresh: list[Callable[[], Any]] = []

    def imported(self, flow_file: str) -> tuple[str, ...]:
        """Compare with the state after the import; return, in words, what cannot be right in forks."""
        after = random.getstate()
        if not _follows(self._before, after):
            # `random` seeds itself again in every fork; the flow has seeded this generator.
            self._fresh.append(lambda: random.setstate(after))
        names: dict[str, None] = {}
        for module in _modules_of(os.path.dirname(os.path.realpath(flow_file))):  # noqa: PTH120  no pathlib before the flow asks for it
            for name, value in vars(module).items():
                if type(value) is random.Random:
                    names[name] = None
                self._fresh.extend(_numpy_renewal(value))
        numpy_random = sys.modules.get("numpy.random.mtrand")
        if numpy_random is not None:
            self._fresh.extend(_numpy_renewal(numpy_random._rand))  # noqa: SLF001  numpy's global generator
        return tuple(f"{name} is a random.Random that every task would share" for name in names)

    def reseed(self) -> None:
        """Give each generator that the flow has not seeded a new state."""
        for renew in self._fresh:
            renew()


def _follows(before: Any, after: Any) -> bool:
    """Say whether *after* is *before* with some numbers drawn, so that it was not seeded in between."""
    generator = random.Random()  # noqa: S311  nothing secret
    generator.setstate(before)
    for _ in range(_RENEWALS):
        if generator.getstate()[1][:_WORDS] == after[1][:_WORDS]:
            return True
        generator.getrandbits(32 * _WORDS)
    return False


def _modules_of(folder: str) -> Iterator[ModuleType]:
    """Yield the flow's own modules: `__main__`, and what lies in *folder*, where Python looks for those beside it."""
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        is_beside = file.startswith(folder + os.sep) and "site-packages" not in file
        if isinstance(module, ModuleType) and (name == "__main__" or is_beside):
            yield module


def _numpy_renewal(value: Any) -> Iterator[Callable[[], Any]]:
    """Yield a function that gives *value* a new state, if it is a generator of numpy's that was not seeded."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return
    if isinstance(value, numpy_random.RandomState):
        value = value._bit_generator  # noqa: SLF001  the public way sets it
    bits = getattr(value, "bit_generator", value)
    if not isinstance(bits, numpy_random.BitGenerator):
        return
    seeds = getattr(bits, "seed_seq", None) or getattr(bits, "_seed_seq", None)  # before numpy 1.24
    entropy = getattr(seeds, "entropy", None)
    if isinstance(entropy, int) and entropy >= _LARGEST_SEED:
        yield lambda: setattr(bits, "state", type(bits)().state)
