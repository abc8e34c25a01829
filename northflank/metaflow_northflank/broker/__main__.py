"""`python -m metaflow_northflank.broker SOCKET`: serves one run until its process is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys

from metaflow_northflank.broker.server import Server


async def main(path: str) -> None:
    """Serve at the socket *path* until standard input ends."""
    logging.basicConfig(level=logging.WARNING)
    server = Server(os.environ)
    async with await server.listen(path):
        await _end_of_input()
        await server.close()
    # A run that was killed could not remove it.
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)  # noqa: PTH120  the socket's folder, as text


async def _end_of_input() -> None:
    """Wait until the run's process is gone, however it ended: the other end of the pipe is closed then."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
