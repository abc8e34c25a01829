"""Metaflow's cron forms as Prefect's five fields."""

from __future__ import annotations

import pytest

from metaflow_prefect.analysis.decorators import five_fields


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("30 2 * * *", "30 2 * * *"),
        ("0 0 * * ? *", "0 0 * * *"),
        ("0 0 ? * SUN *", "0 0 * * SUN"),
        ("0 10 ? * 2-6 *", "0 10 * * 1-5"),
        ("0 10 ? * 1/2 *", "0 10 * * 0/2"),
        ("0 0 12 * * ? *", "0 12 * * *"),
    ],
)
def test_each_form_keeps_its_meaning(written, expected):
    assert five_fields(written) == expected


@pytest.mark.parametrize("written", ["* * * *", "30 0 12 * * ? *", "0 0 * * ? 2027", ""])
def test_what_prefect_cannot_say_is_refused(written):
    with pytest.raises(ValueError, match=r"fields|seconds|years"):
        five_fields(written)
