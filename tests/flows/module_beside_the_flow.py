"""The flow imports a module that lies beside it."""

from support import greeting

from metaflow import FlowSpec, step


class ModuleBesideTheFlowFlow(FlowSpec):
    @step
    def start(self):
        self.text = greeting.hello("you")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ModuleBesideTheFlowFlow()
