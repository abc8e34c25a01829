"""Defaults that cannot be honored are refused by the parameter's name, all at once."""

from __future__ import annotations

from typing import Any

from metaflow import FlowSpec, JSONType, Parameter, step
from metaflow.parameters import flow_context

from metaflow_prefect.analysis.parameters import parameters


class OddDefaultsFlow(FlowSpec):
    number = Parameter("number", default="seven", type=int)
    data = Parameter("data", default={1, 2}, type=JSONType)
    fine = Parameter("fine", default={"a": [1]}, type=JSONType)

    @step
    def start(self) -> None:
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


def declared() -> Any:
    with flow_context(OddDefaultsFlow):
        flow = OddDefaultsFlow(use_cli=False)
        for _, parameter in flow._get_parameters():  # noqa: SLF001  as the code under test does
            parameter.init(ignore_errors=False)
        return flow


def test_a_default_that_does_not_fit_is_refused_and_the_others_are_kept():
    found, findings = parameters(declared())

    assert [parameter.name for parameter in found] == ["fine"]
    assert {finding.where: finding.reason for finding in findings} == {
        "parameter number": "it does not fit its type: seven is not a valid integer",
        "parameter data": "it does not fit its type: Object of type set is not JSON serializable",
    }
