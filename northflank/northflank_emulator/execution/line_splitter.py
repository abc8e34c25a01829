"""How a stream of bytes becomes log lines."""

from __future__ import annotations

from northflank_emulator.state.clock import Clock
from northflank_emulator.state.log_store import WrittenLine
from northflank_emulator.state.models import Stream

_LONGEST = 16 * 1024
"""The container runtime splits longer lines, and marks all but the last part with P."""


class LineSplitter:
    """Cuts what one stream of a container says into lines, stamped when they came."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._rest = b""

    def feed(self, some: bytes) -> list[WrittenLine]:
        """Return the lines that *some* more bytes complete."""
        *complete, self._rest = (self._rest + some).split(b"\n")
        lines = [line for whole in complete for line in self._parts(whole)]
        while len(self._rest) > _LONGEST:
            lines.append(self._line(self._rest[:_LONGEST], partial=True))
            self._rest = self._rest[_LONGEST:]
        return lines

    def finish(self) -> list[WrittenLine]:
        """Return what is left when the stream ends without a line feed."""
        rest, self._rest = self._rest, b""
        return self._parts(rest) if rest else []

    def _parts(self, line: bytes) -> list[WrittenLine]:
        pieces = [line[at : at + _LONGEST] for at in range(0, len(line), _LONGEST)] or [b""]
        return [self._line(piece, partial=piece is not pieces[-1]) for piece in pieces]

    def _line(self, text: bytes, *, partial: bool) -> WrittenLine:
        decoded = text.decode("utf-8", "replace").rstrip("\r").replace("\0", "\ufffd")
        return WrittenLine(at=self._clock.now(), stream=self._stream, text=decoded, partial=partial)
