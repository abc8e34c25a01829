"""The variables by which Metaflow's own command takes an option: `METAFLOW_RUN_ALPHA` for `run --alpha`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_WORDS = {
    "tags": "TAGS",
    "tag": "TAGS",
    "decospecs": "DECOSPECS",
    "max_workers": "MAX_WORKERS",
    "run_id_file": "RUN_ID_FILE",
    "namespace": "USER_NAMESPACE",
}
"""Metaflow's word for each of our options that its `run` and `resume` have, too."""


def of_metaflows_command(
    command: str, ours: Iterable[Any], parameters: Iterable[Any], environment: Mapping[str, str]
) -> dict[str, object]:
    """Return click's `default_map`, whose values win over defaults, and lose to what is typed.

    *ours* are the options of our command and *parameters* those of the flow, as click has them.
    """
    words = [(option, _WORDS[option.name]) for option in ours if option.name in _WORDS]
    words += [(option, option.name.upper()) for option in parameters]
    values = ((option, environment.get(f"METAFLOW_{command}_{word}")) for option, word in words)
    return {
        option.name: option.type.split_envvar_value(text) if option.multiple else text
        for option, text in values
        if text is not None
    }
