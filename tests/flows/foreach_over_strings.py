"""Items that are words, with spaces, commas and letters beyond ASCII."""

from metaflow import FlowSpec, step


class ForeachOverStringsFlow(FlowSpec):
    @step
    def start(self):
        self.items = ["plain", "two words", "a,b:c!d/e", "größer 🎈", ""]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.shout = self.input.upper()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.all = [i.shout for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForeachOverStringsFlow()
