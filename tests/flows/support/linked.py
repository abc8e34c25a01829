"""A flow that is reached by a link has the link's name and folder."""

import os

from metaflow import FlowSpec, step


class ReachedByALinkFlow(FlowSpec):
    @step
    def start(self):
        folder = os.path.dirname(__file__)
        self.name = os.path.basename(__file__)
        self.beside = os.path.exists(os.path.join(folder, "support", "greeting.py"))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ReachedByALinkFlow()
