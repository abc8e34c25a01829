"""Every literal of the generated file reads back as the value it was made from."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from metaflow_prefect.render.environment import docstring, literal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)  # fmt: skip


@given(VALUES)
def test_a_literal_evaluates_to_its_value(value):
    assert ast.literal_eval(literal(value)) == value


@given(VALUES)
def test_a_literal_is_one_line_for_every_reader_and_can_be_written(value):
    assert len(literal(value).splitlines()) == 1
    assert literal(value).encode()


@given(st.text())
def test_no_text_can_leave_its_docstring(text):
    (statement,) = ast.parse(f'"""{docstring(text)}"""'.encode()).body

    assert isinstance(statement, ast.Expr)
