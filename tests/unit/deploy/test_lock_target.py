"""What a deployment's packages are locked for: the Python of its image, and the platform of its containers."""

from __future__ import annotations

import pytest

from metaflow_prefect.deploy.plan.deploy_context import WorkPool
from metaflow_prefect.deploy.plan.lock_target import target
from metaflow_prefect.runtime.packages.lock import Target

HERE = Target(python="3.11", platform="x86_64-linux")
ARM = Target(python="3.11", platform="aarch64-linux")


def pool(kind, **defaults):
    properties = {name: {"default": value} for name, value in defaults.items()}
    return WorkPool(name="p", type=kind, template={"variables": {"properties": properties}})


@pytest.mark.parametrize(
    ("kind", "chosen", "defaults", "python"),
    [
        ("process", {}, {}, "3.11"),
        ("northflank", {}, {}, "3.12"),  # the worker's default image
        ("northflank", {"deployment_external_image_path": "prefecthq/prefect:3-python3.13"}, {}, "3.13"),
        ("northflank", {}, {"deployment_external_image_path": "python:3.10-slim"}, "3.10"),
        ("northflank", {"image": "registry:5000/team/flow:7"}, {}, "3.11"),
        ("docker", {}, {"image": "prefecthq/prefect:3.9.1-python3.10"}, "3.10"),
        ("kubernetes", {}, {}, "3.11"),
    ],
)  # fmt: skip
def test_the_python_is_that_of_the_image_where_its_name_says_it(kind, chosen, defaults, python):
    assert target(chosen, pool(kind, **defaults), HERE).python == python


@pytest.mark.parametrize(
    ("kind", "here", "platform"),
    [
        ("process", ARM, "aarch64-linux"),
        ("docker", ARM, "aarch64-manylinux_2_28"),
        ("northflank", ARM, "x86_64-manylinux_2_28"),
        ("docker", Target(python="3.11", platform="x86_64-darwin"), "x86_64-manylinux_2_28"),
    ],
)
def test_the_platform_is_that_of_the_containers(kind, here, platform):
    assert target({}, pool(kind), here).platform == platform


def test_the_user_can_name_another_platform_for_containers():
    named = "aarch64-manylinux_2_28"

    assert target({}, pool("northflank"), HERE, platform=named).platform == named
