"""What a deployment tells the containers of its runs."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from prefect_northflank import NorthflankWorker

from metaflow_prefect import ir
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.job_variables import job_variables
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.server.code_storage import code_package
from metaflow_prefect.errors import UnsupportedFlow

FILES = {"flow.py": b"the flow\n", "below/helper.py": b"a helper\n"}


def flow(datastore, **more):
    step = ir.Step(name="start", transition=ir.Transition.END)
    return ir.Flow(
        name="F", steps=(step,), start="start", end="start",
        source=ir.Source(file="flow.py", sha256="0" * 64),
        backends=ir.Backends(metadata="local", datastore=datastore, environment="local"),
        **more,
    )  # fmt: skip


def context(pool_type, **environment):
    return DeployContext(
        owner="me", token="f-0-abcd", pool=WorkPool(name="p", type=pool_type),
        metaflow_environment=environment, requirements=("metaflow==1", "boto3"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pool_type", "variable"),
    [("northflank", "deployment_external_image_path"), ("docker", "image")],
)
def test_the_image_is_called_what_the_type_of_pool_calls_it(pool_type, variable):
    made = job_variables(flow("s3"), "F/default", DeployOptions(image="x:1"), context(pool_type))

    assert made[variable] == "x:1"


def test_a_container_installs_what_the_datastore_needs_and_a_process_nothing():
    there, here = (
        job_variables(flow("s3"), "F/default", DeployOptions(), context(kind))["env"]
        for kind in ("northflank", "process")
    )

    assert there["EXTRA_PIP_PACKAGES"] == "metaflow==1 boto3"
    assert "EXTRA_PIP_PACKAGES" not in here


def test_a_local_datastore_in_a_container_is_refused_unless_it_is_mounted():
    with pytest.raises(UnsupportedFlow, match="lose every artifact"):
        job_variables(flow("local"), "F/default", DeployOptions(), context("northflank"))

    mounted = DeployOptions(job_variables={"env": {"METAFLOW_DATASTORE_SYSROOT_LOCAL": "/mount"}})
    made = job_variables(flow("local"), "F/default", mounted, context("northflank"))
    assert made["env"]["METAFLOW_DATASTORE_SYSROOT_LOCAL"] == "/mount"


def test_a_code_package_is_one_that_metaflow_reads_and_always_the_same():
    from metaflow.package import MetaflowPackage

    package = code_package("F", "flow.py", FILES)
    read = '{"version": 0, "archive_format": "tgz", "mfcontent_version": 0}'

    info = MetaflowPackage.cls_get_info(read, BytesIO(package))
    assert info["script"] == "flow.py"
    for name, content in FILES.items():
        assert MetaflowPackage.cls_get_content(read, BytesIO(package), name) == content
    assert code_package("F", "flow.py", dict(reversed(FILES.items()))) == package


def test_a_container_reaches_the_metadata_service_where_it_is_for_containers():
    outside, inside = "https://metadata.example.org", "http://metadata:8080"
    service = {"METAFLOW_SERVICE_URL": outside, "METAFLOW_SERVICE_INTERNAL_URL": inside}
    there, here = (
        job_variables(flow("s3"), "F/default", DeployOptions(), context(kind, **service))["env"]
        for kind in ("northflank", "process")
    )

    assert there["METAFLOW_SERVICE_URL"] == inside
    assert there["METAFLOW_PREFECT_SERVICE_URL"] == outside
    assert here["METAFLOW_SERVICE_URL"] == outside
    assert "METAFLOW_PREFECT_SERVICE_URL" not in here


def test_a_container_is_told_its_size_only_where_a_step_asks_for_one():
    asking = ir.Step(
        name="start",
        transition=ir.Transition.END,
        resources=(ir.Resource(name="memory", value="12000"),),
    )
    northflank = replace(context("northflank"), pool=nf_pool())

    def environment(of, **given):
        options = DeployOptions(job_variables={"env": given})
        made = job_variables(of, "F/default", options, northflank)["env"]
        return {name: value for name, value in made.items() if "CONTAINER" in name}

    silent = flow("s3")
    priced = {
        "METAFLOW_PREFECT_CONTAINER_PLAN": "nf-compute-20",
        "METAFLOW_PREFECT_CONTAINER_DOLLARS_PER_HOUR": "0.0075",
    }
    assert environment(silent) == priced
    assert environment(replace(silent, steps=(asking,))) == {
        "METAFLOW_PREFECT_CONTAINER_CPU": "2",
        "METAFLOW_PREFECT_CONTAINER_MEMORY": "16384",
        "METAFLOW_PREFECT_CONTAINER_REQUEST": "memory=12000",
        "METAFLOW_PREFECT_CONTAINER_PLAN": "nf-compute-200-16",
        "METAFLOW_PREFECT_CONTAINER_DOLLARS_PER_HOUR": "0.1667",
    }
    given = {"METAFLOW_PREFECT_CONTAINER_MEMORY": "30000"}
    assert environment(replace(silent, steps=(asking,)), **given).items() >= given.items()


def nf_pool():
    template = NorthflankWorker.get_default_base_job_template()
    return WorkPool(name="nf", type="northflank", template=template)


def test_packages_that_uv_installs_are_for_every_pool_and_micromambas_are_not():
    def of(installer, pool_type):
        backends = ir.Backends(
            metadata="local", datastore="s3", environment="pypi", installer=installer
        )
        asked = replace(flow("s3"), backends=backends)
        return job_variables(asked, "F/default", DeployOptions(), context(pool_type))

    assert of("uv", "northflank")
    assert of("uv", "process")
    assert of(None, "process")
    with pytest.raises(UnsupportedFlow, match="install uv here"):
        of(None, "northflank")


def in_conda(pool_template, **given):
    backends = ir.Backends(metadata="local", datastore="s3", environment="conda")
    pool = WorkPool(name="p", type="northflank", template=pool_template)
    options = DeployOptions(job_variables={"env": given})
    return job_variables(
        replace(flow("s3"), backends=backends),
        "F/default",
        options,
        replace(context("northflank"), pool=pool),
    )


def test_conda_needs_an_image_that_is_said_to_have_micromamba():
    with pytest.raises(UnsupportedFlow, match="the stock image has no micromamba"):
        in_conda({})

    path = {"METAFLOW_PATH_TO_MICROMAMBA": "/bin/micromamba"}
    assert in_conda({}, **path)["env"].items() >= path.items()
    by_pool = {"variables": {"properties": {"env": {"type": "object", "default": path}}}}
    in_conda(by_pool)


def test_the_password_of_an_index_is_refused_as_a_job_variable():
    def deployed(value):
        options = DeployOptions(job_variables={"env": {"UV_DEFAULT_INDEX": value}})
        return job_variables(flow("s3"), "F/default", options, context("northflank"))["env"]

    with pytest.raises(UnsupportedFlow, match="job variable env") as refused:
        deployed("https://me:pass-word@host/simple")
    assert "pass-word" not in str(refused.value)

    for value in (
        "https://host:8080/simple",
        "https://{{ prefect.blocks.secret.index }}@host/simple",
    ):
        assert deployed(value)["UV_DEFAULT_INDEX"] == value
