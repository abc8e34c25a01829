"""The commands of README.md work: its `console` and `bash` blocks are executed in order, in one place.

A comment right above a block says where that is not so; both are invisible on the rendered page:

    <!-- not run: why -->
    <!-- in the background until: text of its output -->

The second is for commands that stay, such as a worker. A block begins in the directory and with the
exported variables that the one before ended with, as for somebody who types them into one shell.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from metaflow_prefect.runtime.servers import local_server
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
HOW_TO = ROOT / "docs" / "how-to"
BIN = Path(sys.executable).parent
SECONDS_PER_BLOCK = 400

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})\s*(?P<language>\w*)")
_NOT_RUN = re.compile(r"<!--\s*not run:\s*(?P<reason>.*?)\s*-->")
_BACKGROUND = re.compile(r"<!--\s*in the background until:\s*(?P<text>.*?)\s*-->")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of commands. `until` is the output a block in the background is ready with."""

    line: int
    script: str
    not_run: str | None = None
    until: str | None = None


def command_blocks(markdown: str) -> list[Block]:
    """The `console`, `bash` and `sh` blocks of *markdown*, in order.

    Of a `console` block the lines after `$ ` are commands (and what continues them after a
    backslash); the others are output, for people.
    """
    blocks: list[Block] = []
    marker = ""
    lines = enumerate(markdown.splitlines(), start=1)
    for number, line in lines:
        opened = _FENCE.match(line)
        if not opened:
            marker = line if line.strip() else marker
            continue
        content = list(_until_closed(lines, opened["fence"], len(opened["indent"])))
        if opened["language"] in {"console", "bash", "sh"}:
            script = _commands(content) if opened["language"] == "console" else "\n".join(content)
            blocks.append(_block(number, script, marker))
        marker = ""
    return blocks


def _until_closed(lines: Iterator[tuple[int, str]], fence: str, indent: int) -> Iterator[str]:
    for _, line in lines:
        bare = line.strip()
        if bare.startswith(fence) and not bare.strip(fence[0]):
            return
        yield line[min(indent, len(line) - len(line.lstrip(" "))) :]


def _commands(lines: list[str]) -> str:
    commands: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            commands.append(line[2:])
        elif commands and commands[-1].endswith("\\"):
            commands.append(line.removeprefix("> "))
    return "\n".join(commands)


def _block(line: int, script: str, marker: str) -> Block:
    not_run = _NOT_RUN.search(marker)
    background = _BACKGROUND.search(marker)
    return Block(
        line=line,
        script=script,
        not_run=not_run["reason"] if not_run else None,
        until=background["text"] if background else None,
    )


class Reader:
    """Somebody who types blocks into one shell."""

    def __init__(self, folder: Path, environment: dict[str, str], ports: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._ports = ports
        self._kept = folder / ".kept"

    def type(self, block: Block) -> None:
        """Execute *block* to its end and expect success."""
        with self._started(block, f"{self._script(block)}\n{self._keep()}") as (process, log):
            try:
                code = process.wait(SECONDS_PER_BLOCK)
            except subprocess.TimeoutExpired:
                code = None
        assert code == 0, _failure(block, f"ended with {code}" if code else "did not end", log)

    @contextmanager
    def leave_running(self, block: Block) -> Iterator[None]:
        """Execute *block* beside what comes next; go on when it is ready."""
        assert block.until
        ready = self._with_our_ports(block.until)
        with self._started(block, self._script(block)) as (process, log):
            end = time.monotonic() + SECONDS_PER_BLOCK
            while ready not in log.read_text(errors="replace"):
                assert process.poll() is None, _failure(block, "ended", log)
                assert time.monotonic() < end, _failure(block, "is not ready", log)
                time.sleep(0.2)
            yield
            assert process.poll() is None, _failure(block, "did not stay", log)

    def _script(self, block: Block) -> str:
        script = self._with_our_ports(block.script)
        # What was exported before is there again; a missing file means that this is the first block.
        return f"set -euo pipefail\n[ ! -e {self._kept} ] || . {self._kept}\n{script}"

    def _with_our_ports(self, text: str) -> str:
        for written, ours in self._ports.items():
            text = re.sub(rf"\b{written}\b", ours, text)
        return text

    def _keep(self) -> str:
        return f'{{ export -p; printf "cd %q\\n" "$PWD"; }} > {self._kept}'

    @contextmanager
    def _started(self, block: Block, script: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        log = self._folder / f".block-{block.line}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process, log
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a block: politely, then its whole group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(30)


def _failure(block: Block, what: str, log: Path) -> str:
    return f"the block at line {block.line} {what}:\n{block.script}\n---\n{log.read_text()[-4000:]}"


@contextmanager
def reading(folder: Path, environment: dict[str, str], ports: dict[str, str]) -> Iterator[Reader]:
    shutil.copytree(
        ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    yield Reader(folder, environment, ports)


def execute(blocks: list[Block], reader: Reader) -> None:
    """Execute *blocks* in order; those in the background end when the last one has ended."""
    with ExitStack() as staying:
        for block in blocks:
            if block.not_run is not None:
                continue
            if block.until is not None:
                staying.enter_context(reader.leave_running(block))
            else:
                reader.type(block)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_commands_of_the_readme_and_of_the_pages_it_leads_to_work(prefect_server, tmp_path):
    """A reader who types the README, then each page, every one in a new shell."""
    environment = {
        **os.environ,
        "METAFLOW_PREFECT_LAUNCHER": "",
        **prefect_server.environment,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path),
    }
    # The readme shows the ports people will have; here they may be taken.
    ports = {"4200": str(urlsplit(prefect_server.url).port), "8765": str(free_port())}
    how_to = ("run.md", "scripts.md", "northflank.md", "resources.md", "step-containers.md")
    for page in (README, *(HOW_TO / name for name in how_to)):
        folder = tmp_path / page.stem
        folder.mkdir()
        with reading(folder, environment, ports) as reader:
            execute(command_blocks(page.read_text(encoding="utf-8")), reader)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_commands_of_the_tutorial_work(tmp_path):
    """It brings its own server, emulator and worker: those of `prefect-headless`."""
    environment = {
        **os.environ,
        "METAFLOW_PREFECT_LAUNCHER": "",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_HEADLESS_CACHE": str(tmp_path / "stack"),
    }
    blocks = command_blocks((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    ports = {written: str(free_port()) for written in ("4200", "5005", "8765")}
    with reading(tmp_path, environment, ports) as reader:
        try:
            execute(blocks, reader)
        finally:
            # Where a command failed the stack still runs; where it is down already this does nothing.
            reader.type(Block(line=0, script="prefect-headless down"))
            local_server.stop(tmp_path / "prefect")


def test_the_readme_says_why_where_commands_are_not_run():
    unexplained = [
        block.line
        for block in command_blocks(README.read_text(encoding="utf-8"))
        if block.not_run == "" or block.until == ""
    ]

    assert unexplained == []


def test_blocks_of_commands_are_found_and_others_are_not():
    found = command_blocks(
        "```python\nimport this\n```\n\n"
        "```bash\necho one\necho two\n```\n\n"
        "````markdown\n```bash\nnot a command\n```\n````\n\n"
        "1. a list\n\n   ```sh\n   echo three\n     indented\n   ```\n"
    )

    assert [(block.line, block.script) for block in found] == [
        (5, "echo one\necho two"),
        (18, "echo three\n  indented"),
    ]


def test_of_a_console_block_only_the_commands_are_run():
    (block,) = command_blocks("```console\n$ echo a \\\n>   b\na b\n$ echo c\nc\n```\n")

    assert block.script == "echo a \\\n  b\necho c"


def test_a_comment_above_a_block_says_that_it_is_not_run():
    with_reason, without = command_blocks(
        "<!-- not run: it would clone this project -->\n\n```bash\ngit clone\n```\n```bash\nls\n```\n"
    )

    assert with_reason.not_run == "it would clone this project"
    assert without.not_run is None


def test_blocks_share_a_directory_and_variables(tmp_path):
    blocks = command_blocks(
        "```bash\nmkdir inner\ncd inner\nexport WORD='two words'\n```\n"
        "```bash\ntest $(basename $PWD) = inner\ntest \"$WORD\" = 'two words'\n```\n"
    )

    with reading(tmp_path, dict(os.environ), {}) as reader:
        execute(blocks, reader)


def test_a_command_that_fails_is_named_with_its_output(tmp_path):
    blocks = command_blocks("```bash\necho so it goes\nfalse\n```\n")

    with (
        reading(tmp_path, dict(os.environ), {}) as reader,
        pytest.raises(AssertionError, match=r"at line 1 ended with 1(.|\n)*so it goes"),
    ):
        execute(blocks, reader)


def test_a_block_in_the_background_is_there_for_those_after_it(tmp_path):
    blocks = command_blocks(
        "<!-- in the background until: ready -->\n"
        "```bash\necho $$ > pid; echo ready; exec sleep 600\n```\n"
        "```bash\nkill -0 $(cat pid)\n```\n"
    )

    with reading(tmp_path, dict(os.environ), {}) as reader:
        execute(blocks, reader)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_ports_are_replaced_by_free_ones(tmp_path):
    blocks = command_blocks(
        "<!-- in the background until: at 8765 -->\n"
        "```bash\necho at 8765; exec sleep 600\n```\n"
        "```bash\ntest http://127.0.0.1:8765/v1 = http://127.0.0.1:9/v1\n```\n"
    )

    with reading(tmp_path, dict(os.environ), {"8765": "9"}) as reader:
        execute(blocks, reader)
