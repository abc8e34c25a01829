"""Secrets are in the environment of the step that asks for them, and of no other."""

import os

from metaflow import FlowSpec, secrets, step


class SecretsInlineFlow(FlowSpec):
    SOURCE = {"type": "inline", "id": "x", "options": {"env_vars": {"TOKEN_X": "hush"}}}

    @secrets(sources=[SOURCE])
    @step
    def start(self):
        self.length = len(os.environ["TOKEN_X"])
        self.next(self.end)

    @step
    def end(self):
        self.is_gone = "TOKEN_X" not in os.environ


if __name__ == "__main__":
    SecretsInlineFlow()
