"""@northflank and @resources come together as with Metaflow's own backends; settings fill what nothing else says."""

from __future__ import annotations

import pytest
from metaflow.plugins import STEP_DECORATORS
from metaflow_northflank import settings as settings_module
from metaflow_northflank.run.needs import MARGIN_SECONDS, step_needs, stock_image
from metaflow_northflank.settings import Orphans, Settings

KINDS = {kind.name: kind for kind in STEP_DECORATORS}


def decorator(name, **attributes):
    made = KINDS[name](attributes=attributes)
    made.external_init()
    return made


def needs(*decorators, settings=None):
    northflank = next(it for it in decorators if it.name == "northflank")
    return step_needs(northflank, decorators, settings or Settings())


def test_a_step_that_asks_for_nothing_gets_what_metaflow_s_other_backends_give():
    assert needs(decorator("northflank"))["amounts"] == {"cpu": "1", "memory": "4096"}
    assert needs(decorator("northflank"))["image"] == stock_image()


def test_the_larger_request_wins():
    found = needs(
        decorator("northflank", cpu=2, memory=1000, disk=5000),
        decorator("resources", cpu=1, memory=8000, gpu=1),
    )

    assert {name: float(amount) for name, amount in found["amounts"].items()} == {
        "cpu": 2,
        "memory": 8000,
        "gpu": 1,
        "disk": 5000,
    }


def test_a_plan_wins_over_cpu_and_memory_but_says_nothing_of_the_disk():
    found = needs(decorator("northflank", plan="nf-compute-20", cpu=8, disk=5000))

    assert (found["plan"], found["amounts"]) == ("nf-compute-20", {"disk": "5000"})


def test_the_plan_of_the_settings_is_for_steps_that_ask_for_nothing():
    chosen = Settings(plan="nf-compute-50", image="mine:1", gpu_type="l4-24")

    assert needs(decorator("northflank"), settings=chosen)["plan"] == "nf-compute-50"
    asks = needs(decorator("northflank"), decorator("resources", memory=9000), settings=chosen)
    assert (asks["plan"], asks["image"], asks["gpu_type"]) == (None, "mine:1", "l4-24")


def test_the_job_lasts_longer_than_the_step_may_take():
    timeout = decorator("timeout", seconds=30)
    timeout.init()

    assert needs(decorator("northflank"), timeout)["deadline"] == 30 + MARGIN_SECONDS


def read(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setenv(f"METAFLOW_NORTHFLANK_{name}", value)
    return settings_module.read()


def test_settings_are_read_from_the_environment(monkeypatch):
    settings, refused = read(
        monkeypatch, PROJECT="demo", MAX_CONTAINERS="7", ORPHANS="finish", LOST_AFTER_SECONDS="60"
    )

    assert refused == ()
    assert (settings.project, settings.max_containers) == ("demo", 7)
    assert (settings.orphans, settings.lost_after_seconds) == (Orphans.FINISH, 60.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_CONTAINERS", "0"),
        ("MAX_CONTAINERS", "many"),
        ("ORPHANS", "keep"),
        ("LOST_AFTER_SECONDS", "3"),
        ("LOST_AFTER_SECONDS", "nan"),
        ("RUN_LOCALLY", "perhaps"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_with_what_it_may_be(name, value, monkeypatch):
    settings, (refused,) = read(monkeypatch, **{name: value})

    assert settings == Settings()
    assert f"METAFLOW_NORTHFLANK_{name} is {value!r}. Fix: write " in str(refused)
