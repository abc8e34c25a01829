"""Source text that is not a literal: names and annotations, marked so that they are not quoted."""

from __future__ import annotations


class Code(str):
    """A piece of Python source, emitted as it is; only this package makes them, never from user text."""

    __slots__ = ()
