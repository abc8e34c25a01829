"""A flow that waits to be ended, and whose exit hooks write down how that was."""

import os
import time
from pathlib import Path

from metaflow import FlowSpec, exit_hook, step


def _note(what):
    with Path(os.environ["HOOKED_LOG"]).open("a") as log:
        log.write(f"{what}\n")


def on_success(run):
    _note(f"{run.pathspec} succeeded")


def on_error(run):
    _note(f"{run.pathspec} failed, finished: {run.finished}")


@exit_hook(on_success=[on_success], on_error=[on_error])
class HookedFlow(FlowSpec):
    @step
    def start(self):
        _note("waiting")
        time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    HookedFlow()
