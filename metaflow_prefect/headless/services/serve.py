"""Prefect's own command, with a server that refuses cross-site requests.

    python -m metaflow_prefect.headless.services.serve server start

is `python -m prefect server start`. Prefect hands its application to uvicorn, in this process or,
for several API processes, in each of those that uvicorn starts. There it is guarded, not where it
is made: the server's own services call it without a network, by a made-up name.
"""

from __future__ import annotations

import runpy

import uvicorn

from metaflow_prefect.browser_guard import guarded, trust

_load = uvicorn.Config.load


def _load_guarded(self: uvicorn.Config) -> None:
    from prefect.settings import get_current_settings

    _load(self)
    self.loaded_app = guarded(self.loaded_app, trust(get_current_settings()))


# At import: the processes that uvicorn starts import this module before they load the application.
uvicorn.Config.load = _load_guarded  # type: ignore[method-assign]

if __name__ == "__main__":
    runpy.run_module("prefect", run_name="__main__")
