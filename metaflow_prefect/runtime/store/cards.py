"""The cards of a task: which steps have a @card, and where Metaflow keeps the cards."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow_prefect.names import PARAMETERS_TASK_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card. `location` is a path or an address in the datastore; `id` is empty where @card gave none."""

    type: str
    id: str
    location: str


class Cards:
    """Finds the cards of tasks; asks the datastore only about steps that have a @card."""

    def __init__(
        self,
        flow: str,
        run_id: str,
        store: Callable[[], Any],
        local_folder: Path | None = None,
    ) -> None:
        self._flow = flow
        self._run_id = run_id
        self._store = store
        self._local_folder = local_folder

    @functools.cached_property
    def steps(self) -> frozenset[str]:
        """The steps with a @card, from the graph that Metaflow has stored with the run."""
        task = self._store().get_task_datastore(self._run_id, "_parameters", PARAMETERS_TASK_ID)
        graph = task.get("_graph_info", default=None) or {"steps": {}}
        return frozenset(
            name
            for name, step in graph["steps"].items()
            if any(item["name"] == "card" for item in step["decorators"])
        )

    def of(self, step: str, task_id: str) -> tuple[Card, ...]:
        """Return the cards of a task, in the order of their names."""
        if step not in self.steps:
            return ()
        from metaflow.datastore import FlowDataStore
        from metaflow.plugins.cards.card_datastore import CardDatastore
        from metaflow.plugins.cards.exception import CardNotPresentException

        # The root of cards is not that of the datastore.
        kind = self._store()._storage_impl  # noqa: SLF001  there is no public name for it
        root = self._local_root(kind.TYPE) or CardDatastore.get_storage_root(kind.TYPE)
        store = FlowDataStore(self._flow, storage_impl=type(kind), ds_root=root)
        cards = CardDatastore(store, pathspec=f"{self._flow}/{self._run_id}/{step}/{task_id}")
        try:
            paths = sorted(cards.extract_card_paths())
        except CardNotPresentException:
            # A card that could not be rendered does not fail its step.
            return ()
        return tuple(
            Card(type=info.type, id=info.id or "", location=cards._backend.full_uri(path))  # noqa: SLF001  as above
            for path, info in ((path, CardDatastore.info_from_path(path)) for path in paths)
        )

    def _local_root(self, kind: str) -> str | None:
        """Return where local cards are if the steps do not work where this process does."""
        from metaflow.metaflow_config import CARD_SUFFIX

        if kind != "local" or self._local_folder is None:
            return None
        return str(self._local_folder / CARD_SUFFIX)
