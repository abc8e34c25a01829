"""Whether there are credentials for a datastore in S3, without which Metaflow asks again for minutes, in silence."""

from __future__ import annotations

_S3 = "s3"
_BOTO3S_OWN = "boto3"
_WITHOUT_CREDENTIALS = frozenset({"endpoint_url", "region_name", "verify"})
"""Parameters of Metaflow's S3 client that contain no credentials."""

HOW_TO_GIVE_THEM = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile that exists with AWS_PROFILE; "
    "a deployed run needs them where it runs"
)
"""What to do about it, as the `fix` of an error."""


def are_missing(datastore: str) -> bool:
    """Return whether a datastore of type *datastore* needs credentials of AWS and none are found.

    They are looked for as boto3 does: variables, profiles, the machine's role. False where Metaflow gets its client
    in another way, whose credentials are not known here.
    """
    if datastore != _S3:
        return False
    from metaflow import metaflow_config

    if (
        metaflow_config.DEFAULT_AWS_CLIENT_PROVIDER != _BOTO3S_OWN
        or metaflow_config.AWS_SANDBOX_ENABLED
        or metaflow_config.DATATOOLS_CLIENT_PARAMS.keys() - _WITHOUT_CREDENTIALS
    ):
        return False
    from boto3.session import Session
    from botocore.exceptions import ProfileNotFound

    try:
        return Session().get_credentials() is None
    except ProfileNotFound:
        return True
