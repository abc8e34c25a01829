"""Processes of this machine, by their ids."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.waiting import wait_until


def is_alive(pid: int) -> bool:
    """Return whether the process exists and has not ended as a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it ended just now, or this system has no /proc
        state = subprocess.run(
            ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        return state.strip()[:1] not in {"", "Z"}


def wait_until_gone(*pids: int, seconds: float = 120) -> None:
    """Wait until none of the processes is alive."""
    wait_until(lambda: not any(map(is_alive, pids)), f"{pids} have ended", seconds=seconds)
