"""Missing credentials of a datastore in S3 are noticed at once, and only where it is known how Metaflow gets them."""

from __future__ import annotations

import boto3
import pytest
from metaflow import metaflow_config

from metaflow_prefect.runtime.store.s3_credentials import are_missing


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine without a role, whose user has no credentials."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def test_they_are_missing_where_there_are_none():
    assert are_missing("s3")
    assert not are_missing("local")
    assert not are_missing("azure")


def test_they_are_found_in_variables_and_profiles(monkeypatch, machine):
    (machine / "credentials").write_text(
        "[team]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert not are_missing("s3")
    monkeypatch.setenv("AWS_PROFILE", "another")
    assert are_missing("s3")

    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert not are_missing("s3")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DEFAULT_AWS_CLIENT_PROVIDER", "company"),
        ("AWS_SANDBOX_ENABLED", True),
        ("DATATOOLS_CLIENT_PARAMS", {"aws_access_key_id": "a", "endpoint_url": "http://s3"}),
    ],
)
def test_where_metaflow_gets_them_in_another_way_nothing_is_refused(monkeypatch, setting, value):
    monkeypatch.setattr(metaflow_config, setting, value)

    assert not are_missing("s3")


def test_an_address_alone_is_no_credential(monkeypatch):
    monkeypatch.setattr(metaflow_config, "DATATOOLS_CLIENT_PARAMS", {"endpoint_url": "http://s3"})

    assert are_missing("s3")
    assert boto3.session.Session().get_credentials() is None
