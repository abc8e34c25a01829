"""Where the steps of a run work if its code was unpacked, and how they find what Metaflow keeps on this machine.

Metaflow looks for its local folder, `.metaflow`, from the working directory upward: for cards, for local metadata, for
its configuration. So the folder of the unpacked code, which is removed after the run, has a link to the one that lasts.
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

_RELATIVE = ("METAFLOW_DATASTORE_SYSROOT_LOCAL", "METAFLOW_HOME")
"""Variables of Metaflow that may name a folder relative to where the command was given."""


def link_local_folder(program: Program, environ: Mapping[str, str]) -> Path | None:
    """Link Metaflow's local folder into the folder of the unpacked code, and return it.

    None where the steps work where this process does, or nothing of the run is kept locally.
    """
    if program.working_directory is None or "local" not in (program.datastore, program.metadata):
        return None
    folder = _local_folder(environ)
    folder.mkdir(parents=True, exist_ok=True)
    # A run that goes on in this process finds its link again.
    with suppress(FileExistsError):
        (Path(program.working_directory) / folder.name).symlink_to(folder)
    return folder


def environment(program: Program, environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* as the run's commands need it where they work."""
    if program.working_directory is None:
        return dict(environ)
    absolute = {
        name: os.path.abspath(Path(environ[name]).expanduser())  # noqa: PTH100  `absolute` leaves ".." in
        for name in _RELATIVE
        if environ.get(name)
    }
    return {**environ, **absolute}


@contextmanager
def keep_written_files(program: Program, here: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Bring what steps write where they work into a new folder in *here*: the folder of the unpacked code is removed.

    Not over files of the person who runs the flow: what a step means by a name is not known.
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
            # It is made for cards and local metadata (`link_local_folder`); where a run has none, nothing is left behind.
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
    """Return the files below *folder* with the time of their last change; not what Python keeps for itself."""
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def _local_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder that whoever looks for the run's cards has.

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
