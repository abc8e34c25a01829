"""Pagination of lists: `per_page`, `page` and an opaque `cursor`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from northflank_emulator.choices import PageCount
from northflank_emulator.errors import invalid_parameter
from northflank_emulator.fields.schema import JsonObject

DEFAULT_PER_PAGE = 50
MAXIMUM_PER_PAGE = 100
_MAXIMUM_PAGE = 1_000_000_000
"""More pages than any list of an emulator has."""


class Numbered(Protocol):
    """An object with a number in the order of creation."""

    @property
    def number(self) -> int:
        """Its number; higher is newer."""
        ...


Item = TypeVar("Item", bound=Numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list to return.

    A cursor (`after`) takes precedence over `page`, because it names a position that does not move.
    """

    per_page: int = DEFAULT_PER_PAGE
    page: int = 1
    after: int | None = None

    @classmethod
    def of(cls, *, per_page: str | None, page: str | None, cursor: str | None) -> PageRequest:
        """Read the three query parameters.

        Raises:
            InvalidRequest: a parameter is not a number in range, or the API returned no such cursor.
        """
        return cls(
            per_page=whole_number("per_page", per_page, DEFAULT_PER_PAGE, MAXIMUM_PER_PAGE),
            page=whole_number("page", page, 1, _MAXIMUM_PAGE),
            after=None if cursor is None else _place_of(cursor),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page, and the cursor of the next one, if there is one."""

    items: tuple[Item, ...]
    next_cursor: str | None
    count: int

    def document(self) -> JsonObject:
        """Return the `pagination` part of a response; the last page has no `cursor` at all."""
        # To the SDKs any cursor, null included, means that there is a next page.
        more: JsonObject = {"cursor": self.next_cursor} if self.next_cursor else {}
        return {"hasNextPage": self.next_cursor is not None, **more, "count": self.count}


def cut(
    items: Sequence[Item], request: PageRequest, counted: PageCount = PageCount.PAGE
) -> Page[Item]:
    """Return the page of *items* that *request* asks for; *items* are in order of their numbers."""
    if request.after is None:
        start = (request.page - 1) * request.per_page
    else:
        start = _position_after(items, request.after)
    chosen = tuple(items[start : start + request.per_page])
    more = start + request.per_page < len(items)
    return Page(
        items=chosen,
        next_cursor=_cursor_of(chosen[-1]) if more and chosen else None,
        count=len(items if counted is PageCount.LIST else chosen),
    )


def _position_after(items: Sequence[Item], number: int) -> int:
    """Return the position after the item *number*, which may have been deleted."""
    if not items:
        return 0
    ascending = items[0].number <= items[-1].number
    for index, item in enumerate(items):
        if (item.number > number) if ascending else (item.number < number):
            return index
    return len(items)


def _cursor_of(item: Numbered) -> str:
    return base64.urlsafe_b64encode(f"after:{item.number}".encode()).decode().rstrip("=")


def _place_of(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        word, _, number = text.partition(":")
        if word == "after" and len(number) <= len(str(_MAXIMUM_PAGE)):
            return int(number)
    except (binascii.Error, ValueError):
        pass  # Raised below, as for every cursor that the API did not return.
    raise invalid_parameter("cursor", "is not a cursor this API returned")


def whole_number(name: str, text: str | None, default: int, maximum: int) -> int:
    """Read the query parameter *name*, a whole number from 1 to *maximum*.

    Raises:
        InvalidRequest: it is something else.
    """
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(maximum))
    value = int(text) if is_number else 0
    if not 1 <= value <= maximum:
        raise invalid_parameter(name, f"must be a whole number from 1 to {maximum}")
    return value
