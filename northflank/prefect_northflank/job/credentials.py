"""The Prefect block with a Northflank API token; the environment is the fallback."""

from __future__ import annotations

import os
from collections.abc import Mapping

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from prefect_northflank.api.access import DEFAULT_BASE_URL, Access, access_from


class Northflank(Block):
    """Credentials for the Northflank API.

    Example:
        >>> from prefect_northflank import Northflank
        >>> Northflank(api_token="nf-...").save("northflank-creds")  # doctest: +SKIP
    """

    _block_type_name = "Northflank"
    _block_type_slug = "northflank"
    _description = "API token, address and team for running flow runs as Northflank jobs."
    _documentation_url = "https://northflank.com/docs/v1/api/use-the-api"  # type: ignore[assignment]  # Block declares HttpUrl, converts text

    api_token: SecretStr | None = Field(
        default=None,
        title="API token",
        description="Northflank API token. Empty: NORTHFLANK_API_TOKEN (or NF_API_TOKEN) of the worker's environment.",
    )
    base_url: str | None = Field(
        default=None,
        title="Base URL",
        description=f"Address of the API. Empty: NORTHFLANK_API_BASE_URL (or NF_API_HOST), else {DEFAULT_BASE_URL}.",
    )
    team_id: str | None = Field(
        default=None,
        title="Team ID",
        description="Team whose projects are used; needed with a token of an organization. Empty: NORTHFLANK_TEAM_ID.",
    )

    def access(self, environment: Mapping[str, str] | None = None) -> Access:
        """Return the block's values, completed from *environment* (by default the process's own).

        Raises:
            MissingToken: neither has a token.
            InvalidToken: the token cannot be sent.
            InvalidAddress: the base URL is not an HTTP address.
        """
        return access_from(
            os.environ if environment is None else environment,
            token=self.api_token.get_secret_value() if self.api_token else None,
            base_url=self.base_url,
            team=self.team_id,
        )


class NorthflankCredentials(Northflank):
    """The same block under its other documented slug, `northflank-credentials`."""

    _block_type_name = "Northflank Credentials"
    _block_type_slug = "northflank-credentials"
