from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger


@trigger(event={"name": "fresh", "parameters": {"alpha": "a", "label": "label"}})
class WaitingFlow(FlowSpec):
    alpha = Parameter("alpha", type=float, default=0.5)
    label = Parameter("label", default="none")
    config = Parameter("config", type=JSONType, default='{"a": 1}')
    words = Parameter("words", separator=",", default="x,y")
    my_int = Parameter("my-int", type=int, default=3)

    @step
    def start(self):
        trigger = current.get("trigger")
        self.told = [(e.name, e.id, e.type, e.timestamp) for e in trigger] if trigger else None
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WaitingFlow()
