"""The example flows that come with the stack."""

from __future__ import annotations

from pathlib import Path

from metaflow_prefect.headless.errors import HomeRefused, NoSuchName

SUFFIX = ".py"
FOLDER = Path(__file__).parent / "resources" / "flows"


def names() -> tuple[str, ...]:
    """Return the names of the example flows."""
    return tuple(sorted(item.name.removesuffix(SUFFIX) for item in _files()))


def text(name: str) -> str:
    """Return the source of the example *name*, with or without `.py`.

    Raises:
        NoSuchName: there is no such example.
    """
    wanted = name.removesuffix(SUFFIX) + SUFFIX
    found = next((item for item in _files() if item.name == wanted), None)
    if found is None:
        raise NoSuchName(f"there is no example {name!r}", fix=f"choose one of {', '.join(names())}")
    return found.read_text(encoding="utf-8")


def install(directory: Path) -> tuple[Path, ...]:
    """Copy the examples that are missing into *directory*; files the user changed stay."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in names():
            target = directory / f"{name}{SUFFIX}"
            if not target.exists():
                target.write_text(text(name), encoding="utf-8")
    except OSError as error:
        raise HomeRefused(
            f"the example flows cannot be copied to {directory}: {error.strerror}",
            fix="choose another directory with PREFECT_FLOWS_DIR",
        ) from error
    return tuple(directory / f"{name}{SUFFIX}" for name in names())


def _files() -> tuple[Path, ...]:
    return tuple(FOLDER.glob(f"*{SUFFIX}"))
