"""A hook that runs because the run failed; the run stays failed."""

from metaflow import FlowSpec, exit_hook, step


def sad():
    print("the hook ran")


@exit_hook(on_error=[sad])
class ExitHookOnErrorFlow(FlowSpec):
    @step
    def start(self):
        raise RuntimeError("no luck")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHookOnErrorFlow()
