"""A step works where its code is."""

import os
import sys

from metaflow import FlowSpec, step


class PlaceOfTheCodeFlow(FlowSpec):
    @step
    def start(self):
        here = os.path.dirname(os.path.realpath(__file__))
        self.found = (os.getcwd() == here, sys.path[0] == here, os.path.basename(sys.argv[0]))
        with open("written_by_start", "w") as file:
            file.write("for the next step")
        self.next(self.end)

    @step
    def end(self):
        with open("written_by_start") as file:
            self.text = file.read()


if __name__ == "__main__":
    PlaceOfTheCodeFlow()
