"""A decorator of the user's own around a step."""

from metaflow import FlowSpec, step, user_step_decorator


@user_step_decorator
def noted(step_name, flow, inputs=None, attributes=None):
    flow.before = step_name
    yield
    flow.after = flow.x + 1


class UserStepDecoratorFlow(FlowSpec):
    @noted
    @step
    def start(self):
        self.x = 1
        self.next(self.end)

    @step
    def end(self):
        print(self.before, self.after)


if __name__ == "__main__":
    UserStepDecoratorFlow()
