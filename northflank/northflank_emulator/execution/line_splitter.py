"""Splits a stream of bytes into log lines."""

from __future__ import annotations

from northflank_emulator.state.clock import Clock
from northflank_emulator.state.log_store import WrittenLine
from northflank_emulator.state.models import Stream

_LONGEST = 16 * 1024
"""Bytes; a container runtime splits longer lines, and marks all parts but the last with P."""


class LineSplitter:
    """Splits one stream of a container into lines, each with the time at which it arrived."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._rest = b""

    def feed(self, some: bytes) -> list[WrittenLine]:
        """Take *some* more bytes, and return the lines that they complete."""
        *complete, self._rest = (self._rest + some).split(b"\n")
        lines = [line for whole in complete for line in self._parts(whole)]
        while len(self._rest) > _LONGEST:
            lines.append(self._line(self._rest[:_LONGEST], partial=True))
            self._rest = self._rest[_LONGEST:]
        return lines

    def finish(self) -> list[WrittenLine]:
        """Return the last line of a stream that ended without a line feed."""
        rest, self._rest = self._rest, b""
        return self._parts(rest) if rest else []

    def _parts(self, line: bytes) -> list[WrittenLine]:
        pieces = [line[at : at + _LONGEST] for at in range(0, len(line), _LONGEST)] or [b""]
        return [self._line(piece, partial=piece is not pieces[-1]) for piece in pieces]

    def _line(self, text: bytes, *, partial: bool) -> WrittenLine:
        decoded = text.decode("utf-8", "replace").rstrip("\r").replace("\0", "\ufffd")
        return WrittenLine(at=self._clock.now(), stream=self._stream, text=decoded, partial=partial)
