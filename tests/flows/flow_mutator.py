"""A mutator adds a parameter and a decorator to the flow."""

from metaflow import FlowMutator, FlowSpec, Parameter, step


class AddsThings(FlowMutator):
    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter("extra", Parameter("extra", default="from the mutator"))

    def mutate(self, mutable_flow):
        for name, step in mutable_flow.steps:
            if name == "start":
                step.add_decorator("environment", deco_kwargs={"vars": {"COLOUR": "red"}})


@AddsThings
class FlowMutatorFlow(FlowSpec):
    @step
    def start(self):
        import os

        self.seen = (self.extra, os.environ.get("COLOUR"))
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FlowMutatorFlow()
