"""A plan whose files are stored: the same deployment with other defaults."""

from __future__ import annotations

from dataclasses import replace

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import plan, with_new_defaults
from tests.unit.deploy.test_jobs import context, flow

TABLE = ir.Parameter(name="my-table", type=ir.ParameterType.STR, default="table.csv")


def test_a_plan_with_new_defaults_is_the_plan_of_these_defaults():
    of_flow = flow("s3", parameters=(TABLE,))
    planned = plan(of_flow, "code", DeployOptions(), context("docker"))
    stored = DeployOptions(parameter_defaults={"my-table": "s3://stored"})

    changed = with_new_defaults(planned, {"my-table": "s3://stored"})

    assert changed == plan(of_flow, "code", stored, context("docker"))
    assert changed == replace(
        planned,
        parameters={"my_table": "s3://stored"},
        parameter_schema=changed.parameter_schema,
        flow_parameters=(replace(TABLE, default="s3://stored"),),
    )
