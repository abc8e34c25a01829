"""Production tokens work as under Metaflow's Argo plugin."""

from __future__ import annotations

import pytest

from metaflow_prefect import ir
from metaflow_prefect.deploy.server import production_tokens
from metaflow_prefect.deploy.server.production_tokens import Holder, TokenRequest
from metaflow_prefect.errors import DeploymentRefused, Unauthorized

ALICES = Holder(owner="alice", token="flow-0-abcd")


@pytest.mark.parametrize("shown", ["flow-0-abcd", "production:flow-0-abcd"])
def test_a_user_with_the_token_may_change_another_users_deployment(shown):
    production_tokens.check(ALICES, "bob", shown, None)
    production_tokens.check(ALICES, "bob", None, shown)


def test_the_owner_needs_no_token():
    production_tokens.check(ALICES, "alice", None, None)


@pytest.mark.parametrize("shown", [None, "flow-0-xxxx", ""])
def test_a_user_without_the_token_may_not(shown):
    with pytest.raises(Unauthorized, match="alice"):
        production_tokens.check(ALICES, "bob", shown, None)


def test_a_deployment_keeps_its_token():
    assert (
        production_tokens.choose(ALICES, TokenRequest(), "flow", is_project=False) == "flow-0-abcd"
    )


def test_the_first_deployment_gets_a_token_and_a_new_one_follows_on_request():
    first = production_tokens.choose(None, TokenRequest(), "flow", is_project=False)
    second = production_tokens.choose(
        Holder(owner="alice", token=first),
        TokenRequest(is_new_wanted=True),
        "flow",
        is_project=False,
    )

    assert first.startswith("flow-0-")
    assert second.startswith("flow-1-")


def test_a_project_takes_no_token_from_outside():
    with pytest.raises(DeploymentRefused, match="--generate-new-token"):
        production_tokens.choose(None, TokenRequest(given="mine"), "mfprj-x", is_project=True)


def test_a_branch_has_the_prefix_that_metaflows_other_orchestrators_give_it():
    project = ir.Project(name="shop", branch="prod", flow_name="shop.prod.F", is_production=True)

    prefix = production_tokens.prefix("F", None, project)

    assert prefix.startswith("mfprj-")
    assert prefix == production_tokens.prefix("OtherFlow", "name", project)
