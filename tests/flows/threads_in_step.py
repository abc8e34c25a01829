"""A step that leaves a thread running: its work is done before the step is over."""

import threading
import time

from metaflow import FlowSpec, step


class ThreadsInStepFlow(FlowSpec):
    @step
    def start(self):
        threading.Thread(target=lambda: (time.sleep(0.5), print("the thread is done"))).start()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ThreadsInStepFlow()
