"""A step that changes directory, environment and arguments spoils no other."""

import os
import sys

from metaflow import FlowSpec, step


class WorkingDirectoryFlow(FlowSpec):
    @step
    def start(self):
        self.before = os.environ.get("SPOILT")
        os.chdir("/")
        os.environ["SPOILT"] = "yes"
        sys.path.insert(0, "/nowhere")
        self.next(self.end)

    @step
    def end(self):
        self.after = (os.environ.get("SPOILT"), "/nowhere" in sys.path, os.getcwd() == "/")


if __name__ == "__main__":
    WorkingDirectoryFlow()
