"""A Prefect home whose local server the tests of a module share."""

from __future__ import annotations

import pytest

from metaflow_prefect.runtime.servers import local_server
from tests.support import prefect_tables


@pytest.fixture(scope="module")
def home(tmp_path_factory, tables):
    """A PREFECT_HOME whose server is ended when the module is done."""
    home = tmp_path_factory.mktemp("prefect-home")
    prefect_tables.place(tables, home)
    yield home
    local_server.stop(home, even_if_used=True)
