"""What pip's configuration files say about indexes, as the variables that would say the same.

Metaflow's own way of installing @pypi follows them, and uv does not read them.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert")
_SECTIONS = ("global", "install")


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `PIP_INDEX_URL` and the like: those of *environment*, else those of pip's files."""
    found: dict[str, str] = {}
    for file in _files(environment):
        found.update(_read(file))
    names = (_variable(option) for option in _OPTIONS)
    found.update({name: environment[name] for name in names if environment.get(name)})
    return found


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield pip's files, the most specific last (https://pip.pypa.io/en/stable/topics/configuration)."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(environment.get("HOME") or Path.home())
    for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)


def _read(file: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, ValueError, configparser.Error):  # pip says what is wrong with it
        return {}
    return {
        _variable(option): " ".join(parser.get(section, option).split())
        for section in _SECTIONS
        for option in _OPTIONS
        if parser.has_option(section, option)
    }


def _variable(option: str) -> str:
    return f"PIP_{option.upper().replace('-', '_')}"
