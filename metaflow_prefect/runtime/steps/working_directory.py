"""The working directory of the steps where the code was unpacked, and how they find Metaflow's local folder from there.

Metaflow looks for its local folder, `.metaflow`, from the working directory upward: for cards, for local metadata, for
its configuration. So the folder of the unpacked code, which is removed after the run, gets a link to the permanent one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from metaflow_prefect.runtime import variables
from metaflow_prefect.runtime.flow.program import Program
from metaflow_prefect.runtime.steps import importable_metaflow

_RELATIVE = ("METAFLOW_DATASTORE_SYSROOT_LOCAL", "METAFLOW_HOME")
"""Variables of Metaflow whose folder may be relative to the working directory of the command."""


def link_local_folder(program: Program, environ: Mapping[str, str]) -> Path | None:
    """Link Metaflow's local folder into the folder of the unpacked code, and return it.

    None if this process and the steps share a working directory, or nothing of the run is kept locally.
    """
    if program.working_directory is None or "local" not in (program.datastore, program.metadata):
        return None
    folder = _local_folder(environ)
    folder.mkdir(parents=True, exist_ok=True)
    # An earlier execution of the run in this process may have made the link.
    with suppress(FileExistsError):
        (Path(program.working_directory) / folder.name).symlink_to(folder)
    return folder


def environment(program: Program, environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* as the run's commands need it in their working directory."""
    if program.working_directory is None:
        return dict(environ)
    own = importable_metaflow.unpacked_extension(program.working_directory)
    # Metaflow refuses an extension that it finds twice.
    if own is not None and importable_metaflow.installed_extension() is None:
        path = [str(own), *filter(None, [environ.get("PYTHONPATH")])]
        environ = {**environ, "PYTHONPATH": os.pathsep.join(path)}
    absolute = {
        name: os.path.abspath(Path(environ[name]).expanduser())  # noqa: PTH100  `absolute` leaves ".." in
        for name in _RELATIVE
        if environ.get(name)
    }
    return {**environ, **absolute}


@contextmanager
def keep_written_files(program: Program, here: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Move the files that steps write in their working directory, which is removed, to a new folder in *here*.

    It never overwrites a file of the user: which one a step means by a relative name is not known.
    """
    if program.working_directory is None:
        yield
        return
    from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

    code, local = Path(program.working_directory), here / DATASTORE_LOCAL_DIR
    before, local_was_there = _files(code), local.exists()
    try:
        yield
    finally:
        if not local_was_there:
            # `link_local_folder` made it for cards and local metadata; if the run has none, it is empty.
            with suppress(OSError):
                local.rmdir()
        written = [path for path, when in _files(code).items() if before.get(path) != when]
        if written:
            folder = Path(tempfile.mkdtemp(prefix=f"{program.flow}-files-", dir=here))
            for path in written:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(code / path, folder / path)
            say(f"The files that the steps have written beside their code are now in {folder}.")


def _files(folder: Path) -> dict[Path, int]:
    """Return the files below *folder* with the time of their last change; without Python's caches."""
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def _local_folder(environ: Mapping[str, str]) -> Path:
    """Return the local folder in which commands look for the run's cards.

    For a run of a deployment that is the one beside its datastore, unless the folder in which it was
    deployed has another and is still there.
    """
    from metaflow.metaflow_config import DATASTORE_LOCAL_DIR, DATASTORE_SYSROOT_LOCAL

    given = environ.get(variables.LOCAL_FOLDER)
    if given and os.access(Path(given).parent, os.W_OK):
        return Path(given)
    if variables.DEPLOYMENT in environ and DATASTORE_SYSROOT_LOCAL:
        return Path(DATASTORE_SYSROOT_LOCAL, DATASTORE_LOCAL_DIR).absolute()
    return found_from_here()


def found_from_here() -> Path:
    """Return the folder in which Metaflow's `card` commands look when they are given where this process works."""
    from metaflow.metaflow_config import DATASTORE_LOCAL_DIR
    from metaflow.plugins.cards.card_datastore import CardDatastore

    cards = CardDatastore.get_storage_root("local")
    # Metaflow returns nothing where METAFLOW_CARD_LOCALROOT is set.
    return Path(DATASTORE_LOCAL_DIR).absolute() if cards is None else Path(cards).parent
