"""A copy of a run's local metadata in the datastore: it survives the container and can be fetched anywhere.

Metaflow's metadata provider `local` writes files where a task runs. In a container they would be
lost with it, and no client would find the run.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from metaflow_prefect.runtime.store.datastore import RunDatastore

_EVERY_SECONDS = 20.0
"""At most this much of a run's metadata is lost when its container is killed."""

_META = "_meta"
"""The folder of an object's own files (`LocalStorage.METADATA_DIR`)."""


class MetadataCopy:
    """Copies the metadata of one run between this machine's files and the datastore.

    A container that executes only some tasks of the run has a copy of its own, its *part*: the copies of two
    containers would overwrite each other.
    """

    def __init__(self, datastore: RunDatastore, part: str | None = None) -> None:
        self._datastore = datastore
        self._part = part
        self._kept = time.monotonic()
        self._lock = threading.Lock()

    def keep(self) -> None:
        """Store the metadata as it is now."""
        with self._lock:
            self._kept = time.monotonic()
            self._datastore.write(self._name, self._packed())

    def keep_now_and_then(self) -> None:
        """Store the metadata if that was last done a while ago; does not wait for another thread that does."""
        if time.monotonic() - self._kept > _EVERY_SECONDS and not self._lock.locked():
            self.keep()

    def fetch(self) -> bool:
        """Write the stored metadata to this machine's files, that of all parts too; return False if there is none."""
        parts = self._datastore.names_in(self._folder)
        found = [self._datastore.read(name) for name in (*parts, self._name)]
        for packed in found:
            if packed is not None:
                with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                    archive.extractall(_root())
        return any(packed is not None for packed in found)

    @property
    def _folder(self) -> str:
        return f"metadata/{self._datastore.run_id}"

    @property
    def _name(self) -> str:
        return f"{self._folder}.zip" if self._part is None else f"{self._folder}/{self._part}.zip"

    def _packed(self) -> bytes:
        buffer = io.BytesIO()
        root = _root()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in self._files(root):
                # Metaflow writes a file under another name first; that one may be gone.
                with contextlib.suppress(FileNotFoundError):
                    archive.writestr(path.relative_to(root).as_posix(), path.read_bytes())
        return buffer.getvalue()

    def _files(self, root: Path) -> Iterator[Path]:
        flow = root / self._datastore.flow
        yield from (flow / _META).glob("*.json")
        yield from (flow / self._datastore.run_id).glob(f"**/{_META}/*.json")


def _root() -> Path:
    """Return the folder in which Metaflow's local metadata provider keeps everything."""
    from metaflow.plugins.datastores.local_storage import LocalStorage

    found = LocalStorage.datastore_root or LocalStorage.get_datastore_root_from_config(_silent)
    return Path(found)


def _silent(*_: object, **__: object) -> None:
    """Replace Metaflow's echo."""
