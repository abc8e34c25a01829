"""Arms of different length meet again."""

from metaflow import FlowSpec, step


class SwitchUnevenArmsFlow(FlowSpec):
    @step
    def start(self):
        self.long = "yes"
        self.next({"yes": self.l1, "no": self.s1}, condition="long")

    @step
    def l1(self):
        self.n = 1
        self.next(self.l2)

    @step
    def l2(self):
        self.n += 1
        self.next(self.l3)

    @step
    def l3(self):
        self.n += 1
        self.next(self.meet)

    @step
    def s1(self):
        self.n = 0
        self.next(self.meet)

    @step
    def meet(self):
        self.n += 100
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchUnevenArmsFlow()
