"""Read every page of one of the Prefect server's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_PAGE = 200
"""As many items as Prefect's server returns at most."""


def all_pages(read: Callable[..., list[Any]], **arguments: Any) -> Iterator[list[Any]]:
    """Yield the pages that *read*, a method of Prefect's client with `limit` and `offset`, returns."""
    offset = 0
    while True:
        page = read(**arguments, limit=_PAGE, offset=offset)
        yield page
        offset += len(page)
        if len(page) < _PAGE:
            return
