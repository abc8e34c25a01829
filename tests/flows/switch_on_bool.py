"""Cases that are numbers and truth values."""

from metaflow import FlowSpec, step


class SwitchOnBoolFlow(FlowSpec):
    @step
    def start(self):
        self.ok = 3 > 2
        self.next({True: self.yes, False: self.no}, condition="ok")

    @step
    def yes(self):
        self.n = 7
        self.next({7: self.seven, 8: self.no}, condition="n")

    @step
    def seven(self):
        self.next(self.end)

    @step
    def no(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchOnBoolFlow()
