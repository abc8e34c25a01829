"""A flow's module may look up which run it is imported for."""

import os

from metaflow import FlowSpec, current, step

RUN_ID = os.environ.get("METAFLOW_RUN_ID")


class RunIdAtImportFlow(FlowSpec):
    @step
    def start(self):
        self.is_known = current.run_id == RUN_ID
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RunIdAtImportFlow()
