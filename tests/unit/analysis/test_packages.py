"""What @pypi asks for, and what installs it, as pure functions."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["interpreters", "locks", "packages"])
def test_the_examples_of_a_module_hold(name):
    results = doctest.testmod(importlib.import_module(f"metaflow_prefect.analysis.{name}"))
    assert results.attempted > 0
    assert results.failed == 0
