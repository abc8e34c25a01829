"""A flow that tells what its process is like, and ends as it is asked to."""

import json
import logging
import os
import signal
import sys
import time

from metaflow import FlowSpec, Parameter, step


def process():
    """Return what a program can see of its process."""
    streams = [sys.stdin, sys.stdout, sys.stderr]
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "folder": os.getcwd(),
        "environment": {
            k: v
            for k, v in os.environ.items()
            if k not in ("METAFLOW_PREFECT_LAUNCHER", "SHLVL", "_")
        },
        "umask": os.umask(0o027),
        "signals": [str(signal.getsignal(number)) for number in (1, 2, 3, 10, 13, 15, 17)],
        "main": [
            __name__,
            __file__,
            __spec__ is None,
            sys.modules["__main__"].__dict__ is globals(),
        ],
        "streams": [[s.encoding, s.errors, s.line_buffering, s.fileno(), s.name] for s in streams],
        "unbuffered": [s.write_through for s in streams[1:]],
        "typed": sys.stdin.read(),
        "descriptors": [
            n for n in range(3, 50) if os.path.exists(f"/dev/fd/{n}") and os.get_inheritable(n)
        ],
        "handlers": [
            repr(it) for name in (None, "prefect") for it in logging.getLogger(name).handlers
        ],
        "seed": os.environ.get("PYTHONHASHSEED"),
    }


class TellingFlow(FlowSpec):
    fails = Parameter("fails", default=False, type=bool)
    waits = Parameter("waits", default="")

    @step
    def start(self):
        if self.waits:
            with open(self.waits, "w") as file:
                file.write(str(os.getpid()))
            time.sleep(300)
        self.next(self.end)

    @step
    def end(self):
        if self.fails:
            raise ValueError("the step's own error")


if __name__ == "__main__" and "prefect" in sys.argv:
    with open(os.environ["TOLD"], "w") as told:
        json.dump({"pid": os.getpid(), "process": process()}, told)

if __name__ == "__main__":
    TellingFlow()
