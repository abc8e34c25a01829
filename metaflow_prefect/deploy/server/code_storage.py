"""What a deployment stores in Metaflow's datastore: the flow's code, for `Run.code`, and the files of IncludeFile."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from metaflow_prefect.analysis.files import IncludedFile
from metaflow_prefect.deploy.plan.pull_step import key
from metaflow_prefect.errors import DeploymentRefused
from metaflow_prefect.runtime.store import s3_credentials

_FORMAT = {"version": 0, "archive_format": "tgz", "mfcontent_version": 0}
"""The format of Metaflow's code packages without a copy of Metaflow (`metaflow.package`)."""


def code_package(flow: str, script: str, files: Mapping[str, bytes]) -> bytes:
    """Return *files* as Metaflow's client reads a code package; the same files give the same bytes."""
    # Metaflow's own packages have it too: `MetaflowCode.info`, of which the client needs `script`.
    info = json.dumps({"flow_name": flow, "script": script}).encode()
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in sorted({**files, "INFO": info}.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def code_variables(datastore: Any, package: bytes) -> dict[str, str]:
    """Return the variables that tell every task of the code package; nothing is stored yet."""
    name = key(package)
    storage = datastore._storage_impl  # noqa: SLF001  the public API tells an address only after saving
    path = storage.path_join(datastore.flow_name, "data", name[:2], name)
    return {
        "METAFLOW_CODE_URL": str(storage.full_uri(path)),
        "METAFLOW_CODE_SHA": name,
        "METAFLOW_CODE_DS": datastore.TYPE,
        "METAFLOW_CODE_METADATA": json.dumps(_FORMAT),
    }


def keep(datastore: Any, contents: list[bytes]) -> None:
    """Store *contents*, each under its own key, unless it is stored already.

    Raises:
        DeploymentRefused: the datastore can't be written; runs could not write it either.
    """
    if contents and s3_credentials.are_missing(datastore.TYPE):
        raise DeploymentRefused(
            f"The datastore {datastore.datastore_root} can't be written; nothing was created: there are no AWS credentials.",
            fix=s3_credentials.HOW_TO_GIVE_THEM,
        )
    try:
        datastore.save_data(contents, len_hint=len(contents))
    except Exception as error:
        raise _unwritable(datastore, error) from error


def keep_files(datastore: Any, included: tuple[IncludedFile, ...]) -> dict[str, str]:
    """Store the files of IncludeFile, and return for each parameter the value that replaces the path.

    Raises:
        DeploymentRefused: the datastore can't be written.
    """
    try:
        return {file.parameter: file.store() for file in included}
    except Exception as error:
        raise _unwritable(datastore, error) from error


def _unwritable(datastore: Any, error: BaseException) -> DeploymentRefused:
    """Return the refusal for *error*, which a storage provider raised."""
    # Some messages contain only the name of the file.
    said = " ".join((type(error).__name__, *str(error).strip().splitlines()[-1:]))
    return DeploymentRefused(
        f"The datastore {datastore.datastore_root} can't be written; nothing was created: {said}",
        fix="check its address (METAFLOW_DATASTORE_SYSROOT_…, METAFLOW_S3_ENDPOINT_URL) and your credentials",
    )
