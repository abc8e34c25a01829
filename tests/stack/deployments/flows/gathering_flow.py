from metaflow import FlowSpec, schedule, step, trigger, trigger_on_finish


@schedule(daily=True)
@trigger(event="p")
@trigger_on_finish(flow="BFlow")
class GatheringFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GatheringFlow()
