"""A container's output is copied on, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from prefect_northflank.api.access import Access
from prefect_northflank.api.responses import Project
from prefect_northflank.logs import stream as stream_module
from prefect_northflank.logs.stream import Streams
from prefect_northflank.records.infrastructure_pid import InfrastructurePid
from websockets.asyncio.server import serve

PID = InfrastructurePid(project=Project(id="demo"), job="etl", run="r1")
HELLO = json.dumps(
    {"type": "log-lines", "data": [{"log": "stdout F hello", "ts": "2026-01-01T00:00:00Z"}]}
)


@pytest.fixture
def copied(monkeypatch, caplog):
    """Copy what a server sends that gives each connection a part of its *messages*; return lines and tokens."""
    monkeypatch.setattr(stream_module, "RECONNECT_SECONDS", 0.0)
    caplog.set_level(logging.INFO)

    def copied(*messages: str | None, tokens: list[str]) -> tuple[list[str], list[str]]:
        left, seen, used = list(messages), [], list(tokens)

        async def northflank(socket):
            seen.append(json.loads(await socket.recv())["data"]["auth"]["apiToken"])
            message = left.pop(0)
            if message is None:
                await socket.close(1008, "invalid token")
                return
            await socket.send(message)
            if left:
                await socket.close(1011)

        async def scenario():
            async with serve(northflank, "127.0.0.1", 0) as server:
                port = next(iter(server.sockets)).getsockname()[1]

                def access() -> Access:
                    return Access(token=used.pop(0), base_url=f"http://127.0.0.1:{port}")

                async with Streams().of(access, PID, logger=logging.getLogger("flow")):
                    pass

        asyncio.run(asyncio.wait_for(scenario(), 30))
        return [it.getMessage() for it in caplog.records if it.name == "flow"], seen

    return copied


def test_a_stream_that_is_opened_again_uses_the_token_of_then(copied):
    lines, tokens = copied(None, HELLO, tokens=["old", "new"])

    assert lines[-1] == "hello"
    assert tokens == ["old", "new"]


@pytest.mark.parametrize("data", ["none", ["a line"], [[]], 7], ids=str)
def test_lines_that_make_no_sense_do_not_end_the_copying(data, copied):
    nonsense = json.dumps({"type": "log-lines", "data": data})

    lines, _ = copied(nonsense, HELLO, tokens=["t", "t"])

    assert "Could not copy the container" in lines[0]
    assert lines[-1] == "hello"
