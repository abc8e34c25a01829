"""The packages of steps are locked before anything runs, or refused: each with its step, its package and what to do."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from metaflow_prefect.analysis.locks import locked
from metaflow_prefect.errors import PackagesRefused
from metaflow_prefect.render import render
from metaflow_prefect.runtime.packages import lock
from metaflow_prefect.runtime.packages.interpreters import here
from metaflow_prefect.runtime.packages.lock import Target
from tests.support.package_index import Wheel, serving
from tests.support.ports import free_port

CONTAINER = Target(python="3.12", platform="x86_64-manylinux_2_28")


def locks_of(flow):
    return lock.parse("\n".join(line for item in flow.locks for line in item.lines)).locks


def test_steps_with_the_same_packages_share_a_lock_and_others_have_none(flow, variables):
    asked = flow(start=("tinypkg==1.0",), middle=(), train=("tinypkg>=2",), end=("tinypkg==1.0",))

    found = locked(asked, CONTAINER, variables)

    keys = {step.name: step.lock for step in found.steps}
    assert keys["start"] == keys["end"] != keys["train"]
    assert keys["middle"] is None
    read = locks_of(found)
    assert read[keys["start"]].packages == ("tinypkg==1.0",)
    assert read[keys["start"]].steps == ("start", "end")
    assert read[keys["train"]].packages == ("tinypkg==2.0",)
    assert all(item.target == CONTAINER for item in read.values())


def test_different_requirements_with_the_same_answer_share_a_lock(flow, variables):
    found = locked(flow(start=("tinypkg>=2",), end=("tinypkg==2.0",)), CONTAINER, variables)

    assert [item.key for item in found.locks] == [found.steps[0].lock]
    assert found.steps[0].lock == found.steps[1].lock
    assert next(iter(locks_of(found).values())).steps == ("start", "end")


def test_packages_are_locked_for_the_containers_python_and_platform(flow, variables):
    asked = flow(start=("later_python",))

    assert locked(asked, replace(CONTAINER, python="3.13"), variables).locks
    with pytest.raises(PackagesRefused, match="later-python"):
        locked(asked, CONTAINER, variables)


def test_packages_of_a_step_elsewhere_are_locked_for_its_own_container(flow, variables):
    asked = flow(start=("tinypkg>=2",), train=("tinypkg>=2",), end=("later_python",))
    elsewhere = {"train": here(), "end": replace(CONTAINER, python="3.13")}

    found = locks_of(locked(asked, CONTAINER, variables, elsewhere=elsewhere))

    targets = {step: it.target for it in found.values() for step in it.steps}
    assert targets == {"start": CONTAINER, **elsewhere}


def test_a_flow_without_packages_needs_no_uv(flow):
    asked = flow(start=(), end=())

    assert locked(asked, here(), {"PATH": ""}) == asked


def test_a_generated_file_carries_its_locks(flow, variables, tmp_path):
    found = locked(flow(start=("tinypkg==1.0",), end=()), CONTAINER, variables)
    file = tmp_path / "generated.py"
    file.write_text(render(found))

    assert lock.locked_packages(str(file)).locks == locks_of(found)


def test_a_lock_that_was_changed_by_hand_is_not_the_one_that_steps_name(flow, variables):
    found = locked(flow(start=("tinypkg==1.0",)), CONTAINER, variables)
    text = "\n".join(found.locks[0].lines)

    assert set(lock.parse(text).locks) == {found.steps[0].lock}
    assert found.steps[0].lock not in lock.parse(text.replace("sha256:", "sha512:")).locks


REFUSED = {
    "a package that does not exist": (("no-such-tiny==1.0",), "no-such-tiny", "correct the package's name"),
    "a version that does not exist": (("tinypkg==9.9",), "tinypkg==9.9", "choose a version that the index has"),
    "a package without a wheel for the platform": (("windows-only==1.0",), "windows-only", "choose a version that has a wheel for Python 3.12 on x86_64-manylinux_2_28"),
    "packages that do not fit together": (("tinypkg==2.0", "needs-old"), "needs-old", "ask for versions that fit together"),
    "a version that nobody can read": (("tinypkg=1.0",), "tinypkg=1.0", "write packages as"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "named", "remedy"), REFUSED.values(), ids=REFUSED)
def test_packages_that_cannot_be_had_are_refused(flow, variables, asked, named, remedy):
    with pytest.raises(PackagesRefused) as caught:
        locked(flow(start=(), train=asked), CONTAINER, variables)

    (finding,) = caught.value.findings
    assert finding.where == "train"
    assert re.search(rf"{named}\b", finding.reason)
    assert finding.remedy.startswith(remedy)


def test_all_steps_whose_packages_cannot_be_had_are_refused_at_once(flow, variables):
    with pytest.raises(PackagesRefused) as caught:
        locked(
            flow(start=("absent",), train=("tinypkg==9.9",), end=("absent",)), CONTAINER, variables
        )

    assert [finding.where for finding in caught.value.findings] == ["start, end", "train"]


def test_an_index_that_does_not_answer_is_named_without_its_credentials(flow, variables):
    dead = f"http://someone:S3cretWord@127.0.0.1:{free_port()}/simple"
    began = time.monotonic()

    with pytest.raises(PackagesRefused) as caught:
        locked(flow(train=("tinypkg",)), CONTAINER, {**variables, "UV_DEFAULT_INDEX": dead})

    (finding,) = caught.value.findings
    assert finding.reason.startswith("the package index does not answer")
    assert "/simple/tinypkg" in finding.reason
    assert "S3cretWord" not in str(caught.value)
    assert time.monotonic() - began < 30


def test_a_version_that_only_a_later_index_has_is_refused_with_uvs_remedy(
    flow, variables, tmp_path
):
    with serving(tmp_path, Wheel("tinypkg", "3.0")) as first:
        asked = {**variables, "UV_INDEX": first.url()}
        with pytest.raises(PackagesRefused) as caught:
            locked(flow(train=("tinypkg==1.0",)), CONTAINER, asked)

        (finding,) = caught.value.findings
        assert "UV_INDEX_STRATEGY=unsafe-best-match" in finding.remedy
        assert locked(
            flow(train=("tinypkg==1.0",)),
            CONTAINER,
            {**asked, "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ).locks


def test_an_index_that_wants_other_credentials_is_named_without_them(flow, variables, tmp_path):
    with serving(tmp_path, Wheel("tinypkg", "1.0"), credentials="someone:S3cretWord") as private:
        right = {**variables, "UV_DEFAULT_INDEX": private.url("someone:S3cretWord")}
        wrong = {**variables, "UV_DEFAULT_INDEX": private.url("someone:Wr0ngWord")}

        found = locked(flow(train=("tinypkg",)), CONTAINER, right)
        with pytest.raises(PackagesRefused) as caught:
            locked(flow(train=("tinypkg",)), CONTAINER, wrong)

    assert "S3cretWord" not in render(found)
    assert "Wr0ngWord" not in str(caught.value)
    (finding,) = caught.value.findings
    assert "refuses the credentials" in finding.reason
    assert finding.remedy.startswith("give the right user and password")


@pytest.mark.parametrize("is_in_file", [False, True])
def test_pips_index_is_used_where_uv_has_none(flow, variables, index, tmp_path, is_in_file):
    del variables["UV_DEFAULT_INDEX"]
    if is_in_file:
        file = tmp_path / "pip.conf"
        file.write_text(f"[global]\nindex-url = {index.url()}\nfind-links =\n    /nowhere\n")
        variables["PIP_CONFIG_FILE"] = str(file)
    else:
        variables["PIP_INDEX_URL"] = index.url()

    assert locks_of(locked(flow(train=("tinypkg==1.0",)), CONTAINER, variables))


def test_a_run_uses_a_lock_of_the_last_day_and_a_deployment_a_new_one(flow, variables, tmp_path):
    with serving(tmp_path, Wheel("tinypkg", "1.0")) as index:
        variables["UV_DEFAULT_INDEX"] = index.url()
        # uv itself takes an index's page for ten minutes.
        variables["UV_NO_CACHE"] = "1"
        asked = flow(train=("tinypkg",))
        first = locked(asked, CONTAINER, variables)
        index.add(Wheel("tinypkg", "2.0"))

        assert locked(asked, CONTAINER, variables, may_be_kept=True) == first
        (lock_of_today,) = locks_of(locked(asked, CONTAINER, variables)).values()

    assert lock_of_today.packages == ("tinypkg==2.0",)


def test_a_run_needs_no_index_where_the_lock_was_made_before(flow, variables, index):
    asked = flow(train=("tinypkg==1.0",))
    found = locked(asked, CONTAINER, variables)
    (kept,) = (Path(variables["XDG_CACHE_HOME"]) / "metaflow-prefect" / "locks").iterdir()
    os.utime(kept, (0, 0))
    variables["UV_OFFLINE"] = "1"
    variables["UV_NO_CACHE"] = "1"

    assert locked(asked, CONTAINER, variables, may_be_kept=True) == found
    with pytest.raises(PackagesRefused):
        locked(asked, CONTAINER, variables)
