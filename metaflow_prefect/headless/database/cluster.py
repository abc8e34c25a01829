"""The managed PostgreSQL cluster: finds PostgreSQL's programs and creates the cluster, once."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from metaflow_prefect.headless.errors import StorageRefused
from metaflow_prefect.headless.files.layout import Layout, write_private
from metaflow_prefect.headless.services.services import Cluster
from metaflow_prefect.headless.settings.model import Postgres

PACKAGE_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
"""Where Debian's and Red Hat's packages put each version's programs."""
SYSTEM_USER = "postgres"
ROOT_CLUSTERS = Path("/var/lib/prefect-headless")


def find_binaries(search_path: str) -> Path | None:
    """Return the folder with `initdb` and `postgres`: from *search_path*, else the newest package's."""
    found = shutil.which("initdb", path=search_path)
    candidates = [Path(found).resolve().parent] if found else []
    for pattern in PACKAGE_FOLDERS:
        folders = Path("/").glob(pattern.lstrip("/"))
        candidates += sorted(folders, key=_version, reverse=True)
    return next(
        (
            folder
            for folder in candidates
            if (folder / "initdb").exists() and (folder / "postgres").exists()
        ),
        None,
    )


def directory_of(layout: Layout, postgres: Postgres) -> Path:
    """Return the directory of this stack's cluster, whether it exists or not.

    For root it is outside PREFECT_HOME, which the user that PostgreSQL must run as cannot read.
    """
    if postgres.cluster_directory is not None:
        return postgres.cluster_directory
    if os.geteuid() != 0:
        return layout.home / "postgres"
    name = hashlib.sha256(os.fsencode(layout.home)).hexdigest()[:16]
    return ROOT_CLUSTERS / name


def exists(directory: Path) -> bool:
    """Return whether *directory* holds a cluster."""
    return (directory / "PG_VERSION").exists()


def something_listens(host: str, port: int) -> bool:
    """Return whether any server accepts a connection there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def ensure(layout: Layout, postgres: Postgres, binaries: Path, password: str) -> Cluster:
    """Return the cluster of this stack; create it if it does not exist yet.

    Raises:
        StorageRefused: `initdb` failed, or there is no operating system user to run it as.
    """
    made = Cluster(
        binaries=binaries, directory=directory_of(layout, postgres), user=_operating_system_user()
    )
    unfinished = layout.unfinished_cluster
    if unfinished.exists() and unfinished.read_text(encoding="utf-8") == str(made.directory):
        # This stack's, and never started: `initdb` was killed halfway.
        shutil.rmtree(made.directory, ignore_errors=True)
    if not exists(made.directory):
        write_private(unfinished, str(made.directory))
        _init_cluster(made, postgres, password)
    unfinished.unlink(missing_ok=True)
    return made


def _init_cluster(cluster: Cluster, postgres: Postgres, password: str) -> None:
    owner = pwd.getpwnam(cluster.user) if cluster.user else pwd.getpwuid(os.getuid())
    _make_directory(cluster, owner)
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "password"
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="utf-8")
        if cluster.user:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            os.chown(secret, owner.pw_uid, owner.pw_gid)
        done = subprocess.run(
            (
                str(cluster.binaries / "initdb"),
                *("-D", str(cluster.directory), "-U", postgres.user),
                *("-A", "scram-sha-256", "--pwfile", str(secret)),
                *("-E", "UTF8", "--no-locale", "--data-checksums"),
            ),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            user=cluster.user,
            group=owner.pw_gid if cluster.user else None,
            extra_groups=[] if cluster.user else None,
        )
    if done.returncode != 0:
        raise StorageRefused(
            f"initdb could not create {cluster.directory}: {done.stderr.strip()}",
            fix="empty that directory, or choose another one with PREFECT_HEADLESS_POSTGRES_DIR",
        )


def _make_directory(cluster: Cluster, owner: pwd.struct_passwd) -> None:
    try:
        cluster.directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        cluster.directory.mkdir(mode=0o700, exist_ok=True)
        if cluster.user:
            # `up` sets a umask of 077, but root's clusters are below this folder.
            if cluster.directory.parent == ROOT_CLUSTERS:
                ROOT_CLUSTERS.chmod(0o755)
            os.chown(cluster.directory, owner.pw_uid, owner.pw_gid)
    except OSError as error:
        raise StorageRefused(
            f"the directory of the managed cluster, {cluster.directory}, cannot be created: "
            f"{error.strerror}",
            fix="choose another one with PREFECT_HEADLESS_POSTGRES_DIR",
        ) from error


def _operating_system_user() -> str | None:
    """Return the user PostgreSQL runs as: None for the current one, `postgres` for root, which it refuses.

    Raises:
        StorageRefused: the current user is root and there is no user `postgres`.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise StorageRefused(
            f"PostgreSQL does not run as root, and there is no user {SYSTEM_USER!r}",
            fix="run prefect-headless as another user, or create that one",
        ) from None
    return SYSTEM_USER


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", str(folder)))
