"""Has a run executed by the launcher, before Metaflow imports anything; a missing module must not matter (see plugins)."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# Of all commands and programs that import Metaflow, only those that may be handed over look for more.
if (
    "prefect" in sys.argv[1:-1]
    and not {"run", "resume"}.isdisjoint(sys.argv)
    and find_spec("metaflow_prefect") is not None
    and find_spec("metaflow_prefect.launcher") is not None
):
    from metaflow_prefect.launcher.handover import hand_over

    hand_over()
