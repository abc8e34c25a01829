from metaflow import FlowSpec, current, step, trigger_on_finish


@trigger_on_finish(flow="WaitingFlow")
class AfterFlow(FlowSpec):
    @step
    def start(self):
        self.upstream = current.trigger.run.pathspec
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    AfterFlow()
