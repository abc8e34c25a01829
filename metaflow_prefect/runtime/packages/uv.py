"""The program uv: where it is, the environment it gets, and what it says when it fails, without credentials."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from metaflow_prefect.runtime.packages.pip_settings import pip_settings

_AIMED_ELSEWHERE = frozenset({
    # The stock Prefect image sets UV_SYSTEM_PYTHON, which makes uv install into the image's own Python.
    "UV_SYSTEM_PYTHON", "UV_BREAK_SYSTEM_PACKAGES", "UV_PYTHON", "UV_PYTHON_PREFERENCE", "UV_MANAGED_PYTHON",
    "UV_NO_MANAGED_PYTHON", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY",
    "UV_VENV_SEED", "UV_VENV_CLEAR", "UV_ENV_FILE", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_VERIFY_HASHES",
    "UV_REQUIRE_HASHES", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH", "PYTHONHOME",
})  # fmt: skip
"""Variables that aim uv at another interpreter or project, or that change what is installed from a lock."""

_RESOLUTION = frozenset({
    "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION",
})  # fmt: skip
"""Variables that choose versions: they are for making a lock, and not for installing it."""

_AS_PIP_CALLS_IT: Mapping[str, tuple[str, ...]] = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_EXTRA_INDEX_URL", "UV_INDEX"),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS",),
    "PIP_NO_INDEX": ("UV_NO_INDEX",),
    "PIP_TRUSTED_HOST": ("UV_INSECURE_HOST",),
    "PIP_CERT": ("SSL_CERT_FILE",),
}
"""Where pip is told of an index, and uv is not: the variable of uv that means the same, then others that say so already."""

_FIND_LINKS = "UV_FIND_LINKS"

_CERTIFICATES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "UV_SYSTEM_CERTS",
    "UV_NATIVE_TLS",
)
"""Variables that say which certificates uv trusts."""

_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s`'\"]+@")
_MASK = "***"
_SHORTEST_SECRET = 4
"""Masking a shorter text would make messages unreadable, and hide nothing."""

INSTALL_IT = (
    "install uv where the flow runs (`pip install uv`; in a container: an image that has it, as "
    "prefecthq/prefect does, or uv among the EXTRA_PIP_PACKAGES)"
)
"""What to do where uv is missing."""


class UvFailed(Exception):
    """A call of uv failed; *said* is what it wrote, without credentials."""

    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uv:
    """The program: the words that start it, and its environment, which may hold an index's credentials."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def found(cls, inherited: Mapping[str, str]) -> Uv | None:
        """Return uv as the variables *inherited* reach it: on PATH, or as a package of this interpreter."""
        on_path = shutil.which("uv", path=inherited.get("PATH", os.defpath))
        has_package = on_path is None and _has_package()
        if on_path is None and not has_package:
            return None
        words = (sys.executable, "-m", "uv") if on_path is None else (on_path,)
        return cls(words=words, environment=environment(inherited, pip_settings(inherited)))

    def run(self, *words: str, folder: Path | None = None, text: str = "") -> str:
        """Return what uv prints for *words*; *text* is its standard input, *folder* where it works.

        Raises:
            UvFailed: it ended with an error.
        """
        ended = subprocess.run(
            [*self.words, "--color=never", *words], env=dict(self.environment), cwd=folder, input=text,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode != 0:
            raise UvFailed(without_credentials(ended.stderr.strip(), self.environment))
        return ended.stdout

    def installing(self) -> Uv:
        """Return uv for installing a lock: without the variables that choose versions."""
        kept = {name: it for name, it in self.environment.items() if name not in _RESOLUTION}
        return Uv(words=self.words, environment=kept)


def _has_package() -> bool:
    try:
        return importlib.util.find_spec("uv") is not None
    except ValueError:
        return False


def environment(inherited: Mapping[str, str], pip: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of uv: as *inherited*, with *pip*'s index where uv has none, and aimed at nothing.

    >>> environment({"UV_SYSTEM_PYTHON": "1", "SSL_CERT_FILE": "c"}, {"PIP_INDEX_URL": "https://i/simple"})
    {'SSL_CERT_FILE': 'c', 'UV_DEFAULT_INDEX': 'https://i/simple'}
    """
    found = {name: value for name, value in inherited.items() if name not in _AIMED_ELSEWHERE}
    for theirs, ours in _AS_PIP_CALLS_IT.items():
        value = pip.get(theirs)
        if value and not any(inherited.get(name) for name in ours):
            found[ours[0]] = _links(value) if ours[0] == _FIND_LINKS else value
    if not any(found.get(name) for name in _CERTIFICATES) and _has_certificates():
        # As pip does; without it uv trusts only the certificates that it brings along.
        found.update(UV_SYSTEM_CERTS="1", UV_NATIVE_TLS="1")
    return found


def _links(places: str) -> str:
    """Return pip's places as uv writes them; uv fails at a folder that is not there, which pip overlooks."""
    return ",".join(it for it in places.split() if "://" in it or Path(it).exists())


def _has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return paths.cafile is not None or paths.capath is not None


def without_credentials(said: str, variables: Mapping[str, str]) -> str:
    """Return what uv *said* without the user and the password of an address, or of one of *variables*.

    >>> without_credentials("no answer from https://me:secret@host/simple", {})
    'no answer from https://***@host/simple'
    >>> without_credentials("sent secret", {"UV_INDEX_OURS_PASSWORD": "secret"})
    'sent ***'
    """
    masked = _IN_ADDRESS.sub(f"{_MASK}@", said)
    for secret in sorted(_secrets(variables), key=len, reverse=True):
        masked = masked.replace(secret, _MASK)
    return masked


def _secrets(variables: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    for name, value in variables.items():
        if name.startswith("UV_INDEX_") and name.endswith("_PASSWORD"):
            found.add(value)
        elif "INDEX" in name or "FIND_LINKS" in name:
            for part in _IN_ADDRESS.findall(value):
                password = part.rstrip("@").partition(":")[2]
                found.update((password, unquote(password)))
    return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}
