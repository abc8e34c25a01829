"""Which image a flow gets that asks for a Python."""

from __future__ import annotations

import sys

import pytest
from prefect_northflank import NorthflankWorker

from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.deploy.plan.deploy_context import WorkPool
from metaflow_prefect.deploy.plan.image_choice import choose

HERE = ".".join(map(str, sys.version_info[:2]))


def asking(where, accepts):
    return PythonRequest(where=where, feature=f"Python {accepts}", accepts=accepts)


def northflank(**defaults):
    template = NorthflankWorker.get_default_base_job_template()
    for name, default in defaults.items():
        template["variables"]["properties"][name]["default"] = default
    return WorkPool(name="nf", type="northflank", template=template)


DOCKER = WorkPool(name="d", type="docker", template={"variables": {"properties": {"image": {}}}})


@pytest.mark.parametrize("pool", [northflank(), DOCKER])
def test_a_flow_that_agrees_on_a_python_gets_its_stock_image(pool):
    choice = choose((asking("train", "==3.10.*"), asking("end", "==3.10.*")), {}, pool)

    assert choice.image == "prefecthq/prefect:3-python3.10"
    assert choice.lines == (
        "image prefecthq/prefect:3-python3.10: train asks for Python ==3.10.*; end asks for Python ==3.10.*",
    )


def test_no_image_is_chosen_where_the_default_has_the_python():
    assert choose((asking("flow", ">=3.11"),), {}, northflank()).image is None
    assert choose((), {}, northflank()).python == "3.12"
    assert choose((), {}, DOCKER).image is None


def test_of_several_pythons_the_deploying_one_is_preferred_and_else_the_newest():
    versions = {"3.10": "3.11", "3.11": "3.11", "3.12": "3.11", "3.13": "3.13"}
    accepts = "<3.12" if HERE != "3.13" else ">=3.13"

    expected = HERE if HERE in {"3.10", "3.11", "3.13"} else versions[HERE]
    assert choose((asking("flow", accepts),), {}, northflank()).python == expected


def test_steps_that_ask_for_different_pythons_are_refused_together():
    (finding,) = choose(
        (asking("a", "==3.10.*"), asking("b", "==3.12.*")), {}, northflank()
    ).findings

    assert str(finding) == (
        "flow: the Pythons that it asks for — these steps share one container, which has one Python: "
        "a asks for Python ==3.10.*; b asks for Python ==3.12.*\n"
        "  Fix: give steps that ask for another Python containers of their own, with @northflank; or ask for the same "
        "Python everywhere"
    )


def test_a_python_that_no_stock_image_has_is_refused_by_its_step():
    requests = (asking("a", "==3.9.*"), asking("b", "==3.12.*"))

    (finding,) = choose(requests, {}, northflank()).findings

    assert str(finding) == (
        "a: Python ==3.9.* — no stock image has it; they have Python 3.10 to 3.13\n"
        "  Fix: ask for one of these, or name an image that has what is asked for: --image"
    )


def test_an_image_that_the_flow_has_is_inherited_where_it_suits():
    inherited = "prefecthq/prefect:3-python3.13"
    any_, other = choose((), {}, DOCKER, inherited), asking("a", "==3.10.*")

    assert (any_.image, any_.python) == (None, "3.13")
    assert choose((other,), {}, DOCKER, inherited).image == "prefecthq/prefect:3-python3.10"


@pytest.mark.parametrize(
    ("chosen", "pool"),
    [
        ({"image": "prefecthq/prefect:3-python3.11"}, northflank()),
        ({"deployment_external_image_path": "host:5000/prefecthq/prefect:3-python3.11"}, northflank()),
        ({}, northflank(deployment_external_image_path="python:3.11-slim")),
        ({"image": "prefecthq/prefect:3.9.1-python3.11"}, DOCKER),
    ],
)  # fmt: skip
def test_an_image_that_is_named_wins_and_must_have_the_python(chosen, pool):
    agreed = choose((asking("train", "==3.11.*"),), chosen, pool)
    refused = choose((asking("train", "==3.12.*"),), chosen, pool)

    assert (agreed.image, agreed.findings, agreed.python) == (None, (), "3.11")
    (finding,) = refused.findings
    assert finding.where == "train"
    assert finding.reason.endswith("has Python 3.11")


@pytest.mark.parametrize(
    "chosen",
    [
        {"image": "team/image:7"},
        {"deployment_internal_id": "service"},
        {"job_body": {"deployment": {}}},
    ],
)
def test_of_an_image_whose_python_is_not_known_nothing_is_refused(chosen):
    choice = choose((asking("a", "==3.10.*"), asking("b", "==3.12.*")), chosen, northflank())

    assert (choice.image, choice.findings) == (None, ())


def test_a_process_pool_has_no_image():
    assert choose((asking("a", "==3.9.*"),), {}, WorkPool(name="p", type="process")).findings == ()
