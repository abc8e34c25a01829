"""A stand-in for the program micromamba: it answers what Metaflow asks of it, with virtual environments.

No conda channel is asked: a package `NAME=VERSION` becomes a module NAME with a `__version__`. Everything
it keeps is below the folder in MICROMAMBA_STAND_IN. Metaflow's calls: `metaflow.plugins.pypi.micromamba`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import stat
import sys
import venv
from pathlib import Path
from typing import Any

_REQUESTS = ("requests", "urllib3", "certifi", "idna", "charset_normalizer")
"""What Metaflow cannot be imported without (`metaflow.metaflow_config.get_pinned_conda_libs`)."""

_MADE = "made"
"""The file that a complete environment has."""

_NO_CHANNEL = "no-channel"
"""A file that says that there is no channel in which packages could be looked up."""

_CHANNEL = "https://channel.invalid/linux-64/"


def install(folder: Path) -> dict[str, str]:
    """Put the program into *folder*, and return the variables by which Metaflow finds and runs it."""
    program = folder / "micromamba"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"METAFLOW_PATH_TO_MICROMAMBA": str(program), "MICROMAMBA_STAND_IN": str(folder)}


def without_channel(folder: Path) -> None:
    """Let the program in *folder* resolve nothing any more."""
    (folder / _NO_CHANNEL).touch()


def _environments(root: Path) -> list[str]:
    return [str(file.parent) for file in root.glob(f"envs/metaflow/*/*/{_MADE}")]


def _packages(root: Path, words: list[str]) -> list[dict[str, str]]:
    """Solve: each spec `name==1.0` or `name>=1.0` as the address of one package."""
    if (root / _NO_CHANNEL).exists():
        sys.exit("the stand-in for micromamba reaches no channel")
    found = []
    for spec in words:
        name, _, version = spec.replace(">=", "==").partition("==")
        found.append({"url": f"{_CHANNEL}{name}-{version or '1.0'}-0.tar.bz2"})
    return found


def _create(prefix: Path, urls: list[str]) -> None:
    venv.create(prefix, with_pip=True, symlinks=True)
    (site,) = prefix.glob("lib/python3.*/site-packages")
    for url in urls:
        name, version, _ = url.rpartition("/")[2].rsplit("-", 2)
        if name == "requests":
            _share(_REQUESTS, site)
        elif name != "python":
            (site / f"{name}.py").write_text(f"__version__ = {version!r}\n")
    (prefix / _MADE).touch()


def _share(names: tuple[str, ...], site: Path) -> None:
    """Let an environment have packages of this program's own."""
    for name in names:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            (site / name).symlink_to(Path(found.origin).parent)


def _answer(root: Path, words: list[str]) -> Any:
    options = [word for word in words if word.startswith("--")]
    match words:
        case ["config", "list", "-a"]:
            return {
                "channels": [], "platform": "linux-64",
                "envs_dirs": [str(root / "envs")], "pkgs_dirs": [str(root / "pkgs")],
            }  # fmt: skip
        case ["env", "list"]:
            return {"envs": _environments(root)}
        case ["list", "--prefix", _, "--json"]:
            version = ".".join(map(str, sys.version_info[:3]))
            return [{"name": "python", "version": version}]
        case ["create", *_] if "--dry-run" in options:
            specs = [word for word in words[1:] if not word.startswith("-")]
            return {"actions": {"LINK": _packages(root, specs)}}
        case ["create", *_] if "--download-only" in options:
            return {}
        case ["create", *rest]:
            prefix = Path(rest[rest.index("--prefix") + 1])
            with (root / "lock").open("w") as lock:  # two runs of a flow may want it at once
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (prefix / _MADE).exists():
                    _create(prefix, [word for word in rest if word.startswith(_CHANNEL)])
            return {}
        case _:
            sys.exit(f"the stand-in for micromamba has no answer to {words}")


def main(root: Path, words: list[str]) -> None:
    """Answer one call."""
    if words[:2] == ["run", "--prefix"]:
        program = Path(words[2]) / "bin" / words[3]
        os.execv(program, [str(program), *words[4:]])  # noqa: S606  as micromamba itself does
    sys.stdout.write(json.dumps(_answer(root, words)))


if __name__ == "__main__":
    main(Path(os.environ["MICROMAMBA_STAND_IN"]), sys.argv[1:])
