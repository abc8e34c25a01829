"""What the environment says for an option that Metaflow's own command has, too: `METAFLOW_RUN_ALPHA` for `run --alpha`."""

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
"""Metaflow's word for each option of ours that its `run` and `resume` have."""


def of_metaflows_command(
    command: str, ours: Iterable[Any], parameters: Iterable[Any], environment: Mapping[str, str]
) -> dict[str, object]:
    """Return click's `default_map`: what stands before the defaults, and behind what is typed.

    *ours* are the options of our command and *parameters* those of the flow, as click has them.
    """
    words = [(option, _WORDS[option.name]) for option in ours if option.name in _WORDS]
    words += [(option, option.name.upper()) for option in parameters]
    said = ((option, environment.get(f"METAFLOW_{command}_{word}")) for option, word in words)
    return {
        option.name: option.type.split_envvar_value(text) if option.multiple else text
        for option, text in said
        if text is not None
    }
