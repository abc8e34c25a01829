"""What is wrong with a deployment is gathered, and said once."""

from __future__ import annotations

import pytest

from metaflow_prefect.errors import (
    DeploymentRefused,
    Finding,
    ParameterRefused,
    Refusals,
    ServerRefused,
    SeveralRefusals,
    UnsupportedFlow,
)

BATCH = Finding(where="start", feature="@batch", reason="it leaves", remedy="take it out")
LOCAL = Finding(where="flow", feature="local datastore", reason="lost", remedy="use s3")


def gathered(*errors):
    refusals = Refusals()
    for error in errors:
        with refusals.gather():
            raise error
    return refusals


def test_nothing_that_was_refused_is_no_error():
    gathered().raise_all()


def test_the_only_refusal_is_raised_as_it_is():
    only = ParameterRefused("a=x: it must be an int", fix="give an int")

    with pytest.raises(ParameterRefused) as refused:
        gathered(only).raise_all()

    assert refused.value is only


def test_findings_of_one_flow_become_one_refusal():
    with pytest.raises(UnsupportedFlow) as refused:
        gathered(UnsupportedFlow("F", (BATCH,)), UnsupportedFlow("F", (LOCAL,))).raise_all()

    assert refused.value.findings == (BATCH, LOCAL)


def test_all_reasons_against_a_deployment_are_in_one_error():
    flow = UnsupportedFlow("F", (BATCH,))
    pool = DeploymentRefused("There is no pool 'x'.", fix="create it")

    with pytest.raises(DeploymentRefused) as refused:
        gathered(flow, pool).raise_all()

    assert str(refused.value) == (
        "There are 2 reasons against this deployment:\n"
        "F uses 1 feature that can't be honored on Prefect:\n"
        "start: @batch — it leaves\n"
        "  Fix: take it out\n"
        "There is no pool 'x'.\n"
        "  Fix: create it"
    )


def test_several_refusals_that_are_gathered_again_stay_a_flat_list():
    one, other, third = (DeploymentRefused(word, fix="correct it") for word in "abc")

    with pytest.raises(SeveralRefusals) as refused:
        gathered(SeveralRefusals((one, other)), third).raise_all()

    assert refused.value.errors == (one, other, third)


def test_a_server_that_does_not_answer_ends_the_gathering():
    with pytest.raises(ServerRefused):
        gathered(ServerRefused("no answer", fix="start it"))
