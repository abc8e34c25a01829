"""A mutator gives a step its @retry."""

from metaflow import FlowSpec, StepMutator, current, step


class Stubborn(StepMutator):
    def mutate(self, mutable_step):
        mutable_step.add_decorator("retry", deco_kwargs={"times": 2, "minutes_between_retries": 0})


class StepMutatorFlow(FlowSpec):
    @Stubborn
    @step
    def start(self):
        self.attempt = current.retry_count
        if self.attempt < 1:
            raise RuntimeError("not yet")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    StepMutatorFlow()
