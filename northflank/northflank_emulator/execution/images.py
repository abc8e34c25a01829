"""The local environments that stand for images: a directory of programs, an entrypoint, a command.

An images file (TOML or JSON) maps patterns of image paths to environments, first match first:

    [[image]]
    pattern = "prefecthq/prefect:*"
    bin = "/opt/prefect-env/bin"       # comes first in PATH
    entrypoint = "prefect"             # the stock Prefect image's; or a list of words
    command = ["bash"]                 # what runs when the job gives no command
    env = { PREFECT_HOME = "/tmp" }    # what the image's ENV lines would set
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

import tomli

from northflank_emulator.execution.container import ImagePullFailed

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The directories of programs that every image has, after its own."""
_FIELDS = frozenset({"pattern", "bin", "entrypoint", "command", "env"})
_STOCK = "prefect"


class InvalidImagesFile(Exception):
    """The images file cannot be read, or an entry is wrong."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path}: {problem}. Each image needs `pattern` and `bin`; see northflank/README.md."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image brings into its containers.

    With `installs_packages` its entrypoint installs the packages that EXTRA_PIP_PACKAGES names, then
    executes the command, as the stock Prefect image's does.
    """

    bin: Path
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ("sh",)
    environment: Mapping[str, str] = field(default_factory=dict)
    installs_packages: bool = True

    def variables(self, home: Path) -> dict[str, str]:
        """Return the environment of a container of this image, before the job adds to it."""
        return {
            "PATH": f"{self.bin}:{_SYSTEM_PATH}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            **self.environment,
        }


class Images:
    """The images that can be pulled."""

    def __init__(self, known: tuple[tuple[str, Image], ...]) -> None:
        self._known = known

    def pull(self, path: str) -> Image:
        """Return the image at *path*.

        Raises:
            ImagePullFailed: no pattern of the images file matches.
        """
        for pattern, image in self._known:
            if fnmatchcase(path, pattern):
                return image
        raise ImagePullFailed(
            f"{path}: no pattern of the images file matches this image, so it cannot be pulled. "
            "Add one, or start the emulator without an images file."
        )


def this_interpreter(environment: Mapping[str, str]) -> Images:
    """Return images of which each is the environment of the Python that runs the emulator."""
    return Images((("*", Image(bin=Path(sys.executable).parent, environment=environment)),))


def read(path: Path, environment: Mapping[str, str]) -> Images:
    """Read the images of a file, and add *environment* to each of them.

    Raises:
        InvalidImagesFile: the file cannot be read, or an entry is wrong.
    """
    entries = _document(path).get("image")
    if not isinstance(entries, list) or not entries:
        raise InvalidImagesFile(path, "it has no list `image`")
    return Images(tuple(_image(path, entry, environment) for entry in entries))


def _document(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        loaded = json.loads(text) if path.suffix == ".json" else tomli.loads(text)
    except (OSError, ValueError) as error:
        raise InvalidImagesFile(path, f"it cannot be read ({error})") from error
    if not isinstance(loaded, dict):
        raise InvalidImagesFile(path, "it is not an object")
    return loaded


def _image(path: Path, entry: object, environment: Mapping[str, str]) -> tuple[str, Image]:
    if not isinstance(entry, dict) or not {"pattern", "bin"} <= entry.keys():
        raise InvalidImagesFile(path, f"`pattern` or `bin` is missing in {entry!r}")
    unknown = sorted(entry.keys() - _FIELDS)
    if unknown:
        raise InvalidImagesFile(path, f"unknown field {', '.join(unknown)}")
    directory = (path.parent / str(entry["bin"])).absolute()
    if not directory.is_dir():
        raise InvalidImagesFile(path, f"bin = {directory} is not a directory")
    entrypoint = entry.get("entrypoint", _STOCK)
    image = Image(
        bin=directory,
        entrypoint=() if entrypoint == _STOCK else _words(path, "entrypoint", entrypoint),
        command=_words(path, "command", entry.get("command", ["sh"])),
        environment={**_variables(path, entry.get("env", {})), **environment},
        installs_packages=entrypoint == _STOCK,
    )
    return str(entry["pattern"]), image


def _words(path: Path, name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(cast("list[str]", value))
    raise InvalidImagesFile(path, f"{name} must be a list of words, not {value!r}")


def _variables(path: Path, value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(name): str(content) for name, content in value.items()}
    raise InvalidImagesFile(path, f"env must be a table of variables, not {value!r}")
