"""Writes the file that a command was asked for: completely or not at all, and never over the flow's own code."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from metaflow_prefect.errors import OutputRefused

_CODE = (".py", ".r", ".rds")
"""Metaflow packages these with any `--package-suffixes` (`metaflow.metaflow_config.DEFAULT_PACKAGE_SUFFIXES`)."""


def check(
    output: Path, code: Callable[[], Iterable[Path]], *, fix: str = "choose another name"
) -> None:
    """Make sure that *output* can be written, and is not one of the files of *code* under another name.

    Raises:
        OutputRefused: it is one of them, or its folder does not exist.
    """
    if not output.parent.is_dir():
        raise OutputRefused(
            f"The folder {output.parent} does not exist; nothing was written.",
            fix=f"create it first: mkdir -p {shlex.quote(str(output.parent))}",
        )
    if output.is_dir():
        raise OutputRefused(
            f"{output} is a folder; nothing was written.", fix="name a file, in it or elsewhere"
        )
    if not output.is_file():
        return
    for path in code():
        if path.exists() and output.samefile(path):
            raise OutputRefused(
                f"{output} belongs to the flow's code ({path}); it was left as it is.",
                fix=fix,
            )


def code_beside(flow_file: Path) -> Iterable[Path]:
    """Yield the flow's file, and the code in its folder as Metaflow packages it."""
    from metaflow.packaging_sys.utils import suffix_filter, walk

    yield flow_file
    folder = os.path.abspath(flow_file.parent)  # noqa: PTH100  `absolute` leaves ".." in
    for path, _ in walk(f"{folder}/", file_filter=suffix_filter(list(_CODE))):
        yield Path(path)


def write(output: Path, text: str) -> None:
    """Write *text* to *output*; a reader finds all of it, or the earlier content."""
    # A link is followed, as by a write in place; a pipe or a terminal can only be written in place.
    target = output.resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")
        return
    descriptor, part = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=".part", dir=target.parent
    )
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(part).chmod(_mode(target))
        Path(part).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(part).unlink()
        raise


def _mode(target: Path) -> int:
    """Return the permissions that the file would have after a write in place."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
