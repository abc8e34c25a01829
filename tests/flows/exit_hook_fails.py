"""A hook that fails changes nothing."""

from metaflow import FlowSpec, exit_hook, step


def broken(run):
    raise RuntimeError("the hook is broken")


@exit_hook(on_success=[broken])
class ExitHookFailsFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHookFailsFlow()
