"""Names converted at the border cannot be wrong afterwards."""

from __future__ import annotations

import doctest
import importlib
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaflow_prefect.names import Identifier, artifact_key, task_id, task_label, unique_identifiers


@pytest.mark.parametrize(
    "module",
    [
        "metaflow_prefect.names",
        "metaflow_prefect.render.environment",
        "metaflow_prefect.analysis.decorators",
        "metaflow_prefect.deploy.plan.options",
    ],
)
def test_examples_in_docstrings_hold(module):
    results = doctest.testmod(importlib.import_module(module))

    assert results.attempted > 0
    assert results.failed == 0


@given(st.text())
def test_any_name_becomes_an_identifier(name):
    identifier = Identifier.of(name)

    assert identifier.isidentifier()
    assert not keyword.iskeyword(identifier)


@given(st.lists(st.text(), unique=True), st.sets(st.text()))
def test_identifiers_never_clash(names, taken):
    identifiers = unique_identifiers(names, taken=taken)

    assert len(set(identifiers.values())) == len(names)
    assert not set(identifiers.values()) & taken


@given(st.lists(st.integers(0, 10_000), max_size=4).map(tuple), st.integers(0, 10_000))
def test_a_task_id_is_never_a_number_and_has_no_delimiter_of_metaflows(indices, iteration):
    identifier = task_id(indices, iteration)

    assert not identifier.isdigit()
    assert not set(identifier) & set(",:!/ ")


places = st.tuples(st.lists(st.integers(0, 30), max_size=3).map(tuple), st.integers(0, 30))


@given(places, places)
def test_different_places_of_a_step_have_different_ids_and_labels(one, other):
    assert (task_id(*one) == task_id(*other)) == (one == other)
    assert (task_label("s", *one) == task_label("s", *other)) == (one == other)


def test_an_artifact_key_is_one_that_prefect_takes():
    assert artifact_key("My__Flow", "trainModel_2") == "my-flow-train-model-2"
