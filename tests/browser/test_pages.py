"""What a person finds on the pages: of a run, of its graph, of a failure, of a deployment, of the emulator."""

from __future__ import annotations

import pytest
from northflank_emulator import Emulator

pytestmark = pytest.mark.slow


def test_the_page_of_a_run_shows_its_tasks_by_their_names_and_its_tags(site, page, picture):
    page.goto(f"{site.page}/runs/flow-run/{site.completed}?tab=TaskRuns")

    page.get_by_text("Completed", exact=True).first.wait_for()
    page.get_by_text("train[3]").first.wait_for()
    page.get_by_text("user:tester").first.wait_for()
    # The graph is drawn on a canvas, some time after the rest.
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(4000)
    picture(page, "run")


def test_the_graph_of_a_run_has_the_edges_of_the_flow(site):
    trained = [f"train[{index}]" for index in range(4)]

    assert site.edges(site.completed) == {
        *(("start", task) for task in trained),
        *((task, "choose") for task in trained),
        ("choose", "evaluate"),
        ("evaluate", "end"),
    }


def test_split_switch_foreach_and_join_have_edges_and_the_arm_not_taken_has_none(site):
    assert site.edges(site.shapes) == {
        ("start", "left"),
        ("start", "choose"),
        ("choose", "fan"),
        ("fan", "work[0]"),
        ("fan", "work[1]"),
        ("work[0]", "gather"),
        ("work[1]", "gather"),
        ("gather", "meet"),
        ("left", "both"),
        ("meet", "both"),
        ("both", "end"),
    }


def test_the_runs_own_artifact_draws_the_graph_with_the_state_of_each_step(site, page, picture):
    page.goto(f"{site.page}/artifacts/artifact/{site.artifact('digits-flow')}")

    image = page.get_by_alt_text("graph of DigitsFlow")
    image.wait_for()
    assert image.evaluate("image => image.complete && image.naturalWidth") > 100
    page.get_by_role("cell", name="4 of 4 done").wait_for()
    page.set_viewport_size({"width": 1200, "height": 1040})
    picture(page, "graph")


def test_the_older_page_draws_it_too(site, page):
    page.goto(f"{site.page.removesuffix('/v2')}/artifacts/artifact/{site.artifact('digits-flow')}")

    image = page.get_by_alt_text("graph of DigitsFlow")
    image.wait_for()
    assert image.evaluate("image => image.complete && image.naturalWidth") > 100


def test_a_run_with_containers_for_steps_has_a_node_for_each_with_its_edges(site, page, picture):
    edges = {(start.split()[-1], end.split()[-1]) for start, end in site.edges(site.contained)}
    assert edges == {
        ("start", "train[0-2]"),
        ("start", "train[3-5]"),
        ("train[0-2]", "compare"),
        ("train[3-5]", "compare"),
        ("compare", "end"),
    }

    page.goto(f"{site.page}/runs/flow-run/{site.contained}?tab=SubflowRuns")
    page.get_by_text("Completed", exact=True).first.wait_for()
    page.get_by_text("train[3-5]").first.wait_for()
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(4000)
    picture(page, "step-containers")


def test_the_artifact_of_a_task_lists_what_it_stored_and_its_card(site, page, picture):
    page.goto(f"{site.page}/artifacts/artifact/{site.artifact('digits-flow-evaluate')}")

    page.get_by_role("cell", name="float", exact=True).first.wait_for()
    page.get_by_text("card view").wait_for()
    page.get_by_role("row").filter(has_text="best_score").get_by_text(
        "task['best_score'].data"
    ).first.wait_for()
    picture(page, "artifacts")


def test_the_first_error_is_in_the_runs_state_message(site, page, picture):
    page.goto(f"{site.page}/runs/flow-run/{site.failed}?tab=Details")

    page.get_by_text("Failed", exact=True).first.wait_for()
    message = page.get_by_text("Step train failed").first
    message.wait_for()
    assert "InvalidParameterError" in message.inner_text()
    message.scroll_into_view_if_needed()
    picture(page, "failure")


def test_the_form_of_a_deployment_has_a_field_for_each_parameter_with_its_help(site, page, picture):
    page.goto(f"{site.page}/deployments/deployment/{site.deployment}/run")

    page.get_by_text("share of the images kept back for testing").first.wait_for()
    page.get_by_text("decides which images are kept back").first.wait_for()
    picture(page, "form")


def test_the_emulators_page_shows_runs_and_their_states(page, picture):
    commands = {"digits-flow": "sh -c 'echo epoch 1 of 8'", "nightly-report": "sh -c 'exit 1'"}
    with Emulator() as emulator:
        jobs = f"/v1/projects/{emulator.project}/jobs"
        for name, command in commands.items():
            body = {
                "name": name,
                "billing": {"deploymentPlan": "nf-compute-20"},
                "deployment": {
                    "external": {"imagePath": "prefecthq/prefect:3-python3.11"},
                    "docker": {"configType": "customCommand", "customCommand": command},
                },
                "settings": {"backoffLimit": 0},
            }
            job = emulator.call("PUT", jobs, body)["id"]
            emulator.call("POST", f"{jobs}/{job}/runs", {})
        page.goto(emulator.base_url)

        page.get_by_text("Not the real Northflank").wait_for()
        page.get_by_text("succeeded", exact=True).wait_for()
        page.get_by_text("failed", exact=True).wait_for()
        page.get_by_text("1 (completed)").wait_for()
        page.get_by_text("1 (exit code 1)").wait_for()
        page.get_by_text("nothing runs").wait_for()
        picture(page, "emulator")
