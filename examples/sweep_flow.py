"""Fit one model per learning rate, three of them in a container; compare all in a container of another size.

A local run executes everything on this machine; a deployed run gives the steps with @northflank
containers of their own (docs/how-to/step-containers.md).

    python sweep_flow.py run
    python sweep_flow.py prefect deploy --work-pool nf
"""

from metaflow import FlowSpec, Parameter, northflank, step


class SweepFlow(FlowSpec):
    """Find the learning rate with which gradient descent comes closest to the minimum of (x - 3)²."""

    rounds = Parameter("rounds", default=20, help="Steps of gradient descent for each model.")

    @step
    def start(self):
        self.rates = [0.01, 0.03, 0.1, 0.3, 0.6, 0.9]
        self.next(self.train, foreach="rates")

    @northflank(cpu=0.5, memory=900, tasks_per_container=3)
    @step
    def train(self):
        self.rate, x = self.input, 0.0
        for _ in range(self.rounds):
            x -= self.rate * 2 * (x - 3)
        self.error = abs(x - 3)
        self.next(self.compare)

    @northflank(cpu=1, memory=2000)
    @step
    def compare(self, inputs):
        self.best = min(inputs, key=lambda model: model.error).rate
        self.next(self.end)

    @step
    def end(self):
        print(f"The best learning rate is {self.best}.")


if __name__ == "__main__":
    SweepFlow()
