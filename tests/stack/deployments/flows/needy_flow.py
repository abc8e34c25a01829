from metaflow import FlowSpec, Parameter, step


class NeedyFlow(FlowSpec):
    req_p = Parameter("req-p", type=int, required=True)
    called = Parameter("name", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NeedyFlow()
