"""How lists are cut into pages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from northflank_emulator.errors import InvalidRequest
from northflank_emulator.state.paging import PageRequest, cut


@dataclass(frozen=True)
class Thing:
    number: int


def page(items, per_page="2", cursor=None, number=None):
    return cut(items, PageRequest.of(per_page=per_page, page=number, cursor=cursor))


THINGS = [Thing(number) for number in (3, 5, 8, 9, 12)]


def test_the_last_page_has_no_cursor_at_all():
    whole = page(THINGS, per_page="5")

    assert whole.document() == {"hasNextPage": False, "count": 5}


def test_a_cursor_leads_to_the_next_page():
    first = page(THINGS)
    second = page(THINGS, cursor=first.document()["cursor"])

    assert [it.number for it in first.items] == [3, 5]
    assert [it.number for it in second.items] == [8, 9]


def test_pages_can_be_numbered():
    assert [it.number for it in page(THINGS, number="3").items] == [12]


def test_a_cursor_survives_the_deletion_of_what_it_names():
    first = page(THINGS)

    rest = page([it for it in THINGS if it.number != 5], cursor=first.next_cursor)

    assert [it.number for it in rest.items] == [8, 9]


@given(
    st.lists(st.integers(1, 10**6), unique=True, max_size=60),
    st.integers(1, 100),
    st.booleans(),
)
def test_following_the_cursors_visits_everything_once(numbers, per_page, newest_first):
    things = [Thing(number) for number in sorted(numbers, reverse=newest_first)]
    seen, cursor = [], None

    while True:
        current = page(things, per_page=str(per_page), cursor=cursor)
        seen += current.items
        cursor = current.next_cursor
        if cursor is None:
            break

    assert seen == things


@pytest.mark.parametrize("per_page", ["0", "101", "-1", "x", "", "1.5", "²", "9" * 5000])
def test_a_page_size_out_of_range_is_refused(per_page):
    with pytest.raises(InvalidRequest, match="per_page"):
        page(THINGS, per_page=per_page)


@given(st.text())
def test_a_cursor_that_is_not_ours_is_refused(cursor):
    with pytest.raises(InvalidRequest, match="cursor"):
        page(THINGS, cursor=cursor)
