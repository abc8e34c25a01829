"""The output of one attempt, kept as Metaflow's own runtime keeps it."""

from __future__ import annotations

from collections import deque

from metaflow_prefect.runtime.steps.executor_protocol import Stream

MAX_BYTES = 1_000_000
"""Per stream and attempt: the default of `run --max-log-size`."""

_TRUNCATED = b"[TRUNCATED - MAXIMUM LOG FILE SIZE REACHED]\n"
_TAIL_LINES = 40


class TaskLog:
    """Collects lines, stamps them for `Task.stdout` and `Task.stderr`, and keeps the last ones for messages."""

    def __init__(self) -> None:
        self._lines: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
        self._sizes = dict.fromkeys(Stream, 0)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)

    def add(self, stream: Stream, line: bytes) -> str:
        """Keep *line* and return it as text without its end.

        A line with a stamp was stored by the task itself: it is shown, and not kept again.
        """
        from metaflow.mflog import RUNTIME_LOG_SOURCE, mflog

        text = line
        if mflog.is_structured(line):
            parsed = mflog.parse(line)
            if parsed is not None:
                text = parsed.msg
                if parsed.should_persist:
                    self._keep(stream, mflog.unset_should_persist(line))
        else:
            self._keep(stream, mflog.decorate(RUNTIME_LOG_SOURCE, line))
        shown = text.decode("utf-8", errors="replace").rstrip("\r\n")
        if stream is Stream.STDERR and shown.strip():
            self._tail.append(shown)
        return shown

    def _keep(self, stream: Stream, stamped: bytes) -> None:
        from metaflow.mflog import RUNTIME_LOG_SOURCE, mflog

        if self._sizes[stream] > MAX_BYTES:
            return
        self._sizes[stream] += len(stamped)
        if self._sizes[stream] > MAX_BYTES:
            stamped = mflog.decorate(RUNTIME_LOG_SOURCE, _TRUNCATED)
        self._lines[stream].append(stamped)

    def note(self, text: str) -> None:
        """Add a line of the runtime itself to the error stream."""
        self.add(Stream.STDERR, text.encode() + b"\n")

    @property
    def tail(self) -> str:
        """The last lines of the error stream, for the message of a failure."""
        return "\n".join(self._tail)

    def streams(self) -> dict[str, bytes]:
        """Return both streams as Metaflow stores them."""
        return {stream.value: b"".join(lines) for stream, lines in self._lines.items()}
