"""The payload of a standalone file: the runtime and the flow's code, as a zip in lines of base64."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Traversable  # importlib.resources.abc from Python 3.11 on

_LINE = 96
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The zip format's first date, so that the same files always give the same bytes."""

_TRAVELING = (
    "__init__.py",
    "browser_guard.py",
    "errors.py",
    "names.py",
    "runtime",
    "server_settings.py",
    "sqlite_transactions.py",
    "version.py",
)
"""`metaflow_prefect.runtime` and everything that it imports."""


_EXTENSION = "metaflow_extensions.prefect_northflank.plugins"
"""The package that tells Metaflow of @northflank; it imports nothing of this package that is not there."""

_EXTENSION_MODULES = ("mfextinit_prefect_northflank", "northflank_decorator")


def payload(carried: Mapping[str, bytes]) -> tuple[str, ...]:
    """Pack the runtime and the *carried* files into lines of base64."""
    files = {f"runtime/{name}": content for name, content in _runtime_files()}
    files.update(carried)
    text = base64.b64encode(_zip(files)).decode("ascii")
    return tuple(text[start : start + _LINE] for start in range(0, len(text), _LINE))


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def _runtime_files() -> Iterable[tuple[str, bytes]]:
    package = resources.files("metaflow_prefect")
    for name in _TRAVELING:
        yield from _modules(package / name, f"metaflow_prefect/{name}")


def extension_files() -> Iterable[tuple[str, bytes]]:
    """Yield what has to travel with a flow that has @northflank, by its path in the payload."""
    for name in _EXTENSION_MODULES:
        module = f"{_EXTENSION}.{name}"
        # Not `resources.files`: it cannot read a namespace package that is installed as editable.
        spec = find_spec(module)
        assert spec is not None  # noqa: S101  it is installed with this package
        assert spec.origin is not None  # noqa: S101  as above
        yield f"extension/{module.replace('.', '/')}.py", Path(spec.origin).read_bytes()


def _modules(item: Traversable, path: str) -> Iterable[tuple[str, bytes]]:
    """Yield *item*, or all modules below it."""
    if not item.is_dir():
        if PurePosixPath(path).suffix == ".py":
            yield path, item.read_bytes()
        return
    for inner in sorted(item.iterdir(), key=lambda inner: inner.name):
        yield from _modules(inner, f"{path}/{inner.name}")
