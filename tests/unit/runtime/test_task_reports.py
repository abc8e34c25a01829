"""The artifact of a task: what it has stored, and where its cards are."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow_prefect.runtime.run.task_reports import markdown
from metaflow_prefect.runtime.store.cards import Card
from metaflow_prefect.runtime.store.datastore import Artifact

PATHSPEC = "DemoFlow/prefect-1/train/t-2"


@pytest.mark.golden
def test_a_task_shows_its_artifacts_and_its_cards(golden):
    artifacts = (
        Artifact(name="model", type="sklearn.svm.SVC", size=1_234_567),
        Artifact(name="note", type="str", size=40),
        Artifact(name="score", type="float", size=21),
    )
    cards = (Card(type="default", id="report", location="s3://bucket/cards/default-report-1.html"),)

    shown = markdown(PATHSPEC, artifacts, cards, "python flow.py --datastore=s3")

    golden(Path(__file__).with_name("artifacts_of_a_task.txt"), shown)


def test_a_task_that_stored_nothing_says_so_and_still_shows_its_cards():
    card = Card(type="blank", id="", location="/data/mf.cards/blank-1.html")

    shown = markdown(PATHSPEC, (), (card,), "python flow.py --datastore=s3")

    assert "stored no artifacts" in shown
    assert "python flow.py --datastore=s3 card view prefect-1/train/t-2" in shown
