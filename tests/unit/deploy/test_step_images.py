"""Which image the container of a step gets that asks for a Python, and for what its packages are locked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prefect_northflank import NorthflankWorker

from metaflow_prefect import ir
from metaflow_prefect.analysis.pythons import PythonRequest
from metaflow_prefect.deploy.plan import image_choice, step_containers
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import plan
from metaflow_prefect.runtime.step_containers import child_runs

STOCK = "prefecthq/prefect:3-python{}".format
IMAGE = "deployment_external_image_path"
NORTHFLANK = WorkPool(
    name="nf", type="northflank", template=NorthflankWorker.get_default_base_job_template()
)
DOCKER = WorkPool(name="d", type="docker", template={"variables": {"properties": {"image": {}}}})
PROCESS = WorkPool(name="here", type="process")
POOLS = {pool.name: pool for pool in (DOCKER, PROCESS)}
ALONE = ir.Container()
NO_OPTIONS = DeployOptions()


def flow(**containers):
    """Steps a, b and end, of which some have containers of their own."""
    steps = (
        ir.Step(name="a", transition=ir.Transition.LINEAR, next=("b",)),
        ir.Step(name="b", transition=ir.Transition.LINEAR, next=("end",)),
        ir.Step(name="end", transition=ir.Transition.END),
    )
    return ir.Flow(
        name="F", start="a", end="end",
        steps=tuple(replace(step, container=containers.get(step.name)) for step in steps),
        source=ir.Source(file="flow.py", sha256="0" * 64),
        backends=ir.Backends(metadata="local", datastore="s3", environment="pypi", installer="uv"),
    )  # fmt: skip


def asking(**pythons):
    """What each of these steps asks for."""
    return tuple(
        PythonRequest(where=step, feature=f"Python {it}", accepts=f"=={it}.*", step=step)
        for step, it in pythons.items()
    )


def choices(of_flow, requests, options=NO_OPTIONS):
    pool = NORTHFLANK
    chosen = {} if options.image is None else {pool.image_variable: options.image}
    own = image_choice.of_flow(of_flow, requests, chosen, pool)
    of_steps = step_containers.images(of_flow, requests, pool, POOLS, options, own.image)
    return own, of_steps


def test_steps_that_disagree_each_have_their_python_if_one_has_a_container_of_its_own():
    own, of_steps = choices(flow(b=ALONE), asking(a="3.10", b="3.13"))

    assert (own.image, own.findings) == (STOCK("3.10"), ())
    assert (of_steps["b"].image, of_steps["b"].findings) == (STOCK("3.13"), ())


def test_steps_that_share_the_flows_container_and_disagree_are_refused():
    own, of_steps = choices(flow(end=ALONE), asking(a="3.10", b="3.13", end="3.12"))

    (finding,) = own.findings
    assert "a asks for Python 3.10; b asks for Python 3.13" in finding.reason
    assert "@northflank" in finding.remedy
    assert of_steps["end"].findings == ()


def test_a_step_that_asks_for_none_has_the_image_that_was_chosen_for_the_flow():
    own, of_steps = choices(flow(b=ALONE), asking(a="3.10"))

    assert own.image == STOCK("3.10")
    assert (of_steps["b"].image, of_steps["b"].python) == (None, "3.10")


def test_a_python_of_the_whole_flow_counts_for_every_container():
    project = PythonRequest(where="its uv project", feature="requires-python", accepts=">=3.13")
    own, of_steps = choices(flow(a=ALONE, b=ir.Container(pool="d")), (project,))

    assert (own.image, of_steps["b"].image) == (STOCK("3.13"), STOCK("3.13"))
    # It has that of the flow already.
    assert (of_steps["a"].image, of_steps["a"].python) == (None, "3.13")


def test_a_step_on_a_process_pool_has_no_image():
    _, of_steps = choices(flow(b=ir.Container(pool="here")), asking(b="3.9"))

    assert (of_steps["b"].image, of_steps["b"].findings) == (None, ())


@pytest.mark.parametrize(
    ("container", "options"),
    [
        (ir.Container(image=STOCK("3.12")), DeployOptions()),
        (ir.Container(job_variables=f'{{"image": "{STOCK("3.12")}"}}'), DeployOptions()),
        (ALONE, DeployOptions(image=STOCK("3.12"))),
    ],
    ids=["@northflank(image)", "@northflank(job_variables)", "--image"],
)
def test_an_image_that_is_named_must_have_the_python_of_the_step(container, options):
    _, of_steps = choices(flow(b=container), asking(b="3.13"), options)

    (finding,) = of_steps["b"].findings
    assert str(finding) == (
        "b: Python 3.13 — the image prefecthq/prefect:3-python3.12 has Python 3.12\n"
        "  Fix: name an image of that Python: @northflank(image=…)"
    )


def test_the_flow_run_of_the_step_is_told_its_image_and_people_why():
    of_flow = flow(b=ir.Container(resources=(ir.Resource(name="memory", value="900"),)))
    own, of_steps = choices(of_flow, asking(a="3.10", b="3.13"))
    context = DeployContext(
        owner="me", token="f-0-abcd", pool=NORTHFLANK, requirements=(), metaflow_environment={},
        image=own, step_images=of_steps,
    )  # fmt: skip

    planned = plan(of_flow, "code", DeployOptions(image=own.image), context)

    assert planned.job_variables[IMAGE] == STOCK("3.10")
    assert planned.steps[0].job_variables[IMAGE] == STOCK("3.10")
    told = child_runs.sources(planned.job_variables["env"])["b"].job_variables
    assert told[IMAGE] == STOCK("3.13")
    assert planned.container[0] == f"image {STOCK('3.10')}: a asks for Python 3.10"
    (line,) = planned.step_lines
    assert line[1].startswith(f"image {STOCK('3.13')}: Python 3.13; plan nf-compute-50 (")
