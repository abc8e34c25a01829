"""Compile many flows in one go: `compile_all.py OUT FLOW.py…`; each in a forked child, as its own `__main__`.

Writes OUT/<flow>/{ir.json,flow.py,deployment.json}, or OUT/<flow>/refused.txt.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import types
from pathlib import Path

import metaflow
from metaflow import FlowSpec, parameters, tuple_util
from metaflow._vendor import click

from metaflow_prefect import ir
from metaflow_prefect.analysis import CompileRequest, analyze
from metaflow_prefect.deploy.plan.deploy_context import DeployContext, WorkPool
from metaflow_prefect.deploy.plan.options import DeployOptions
from metaflow_prefect.deploy.plan.plan import plan
from metaflow_prefect.deploy.plan.summary import summary
from metaflow_prefect.errors import UnsupportedFlow
from metaflow_prefect.render import render

CONTEXT = DeployContext(
    owner="tester",
    token=None,
    pool=WorkPool(name="nf", type="process"),
    metaflow_environment={"METAFLOW_DEFAULT_DATASTORE": "local"},
    requirements=("metaflow",),
)


def compile_as_main(flow_file: Path, out: Path) -> None:
    main = types.ModuleType("__main__")
    main.__file__ = str(flow_file)
    main.ForeachFrame = tuple_util.ForeachFrame
    sys.modules["__main__"] = main
    sys.argv = [str(flow_file)]
    sys.path.insert(0, str(flow_file.parent))
    os.chdir(flow_file.parent)
    original = FlowSpec.__init__

    def initialise(self, use_cli=True):
        original(self, use_cli=False)
        if use_cli:
            FlowSpec.__init__ = original
            with parameters.flow_context(self.__class__):
                write(self, flow_file, out)
            raise SystemExit(0)

    FlowSpec.__init__ = initialise
    exec(compile(flow_file.read_text(), str(flow_file), "exec"), main.__dict__)


def write(flow, flow_file: Path, out: Path) -> None:
    from metaflow import cli

    @click.command(name="golden")
    @click.pass_obj
    def golden(obj) -> None:
        try:
            compiled = analyze(obj, CompileRequest(output_directory=flow_file.parent))
        except UnsupportedFlow as refused:
            (out / "refused.txt").write_text(f"{refused}\n")
            return
        text = render(compiled)
        planned = summary(plan(compiled, text, DeployOptions(), CONTEXT))
        # Its bytes follow from flow.py, which is compared as a whole.
        del planned["payload_bytes"]
        (out / "ir.json").write_text(ir.to_json(compiled))
        (out / "flow.py").write_text(text)
        (out / "deployment.json").write_text(json.dumps(planned, indent=2, sort_keys=True) + "\n")

    cli.cli.add_command(golden)
    cli.main(flow, args=["--quiet", "--no-pylint", "golden"])


def main() -> int:
    out, *flows = map(Path, sys.argv[1:])
    failed = 0
    for flow_file in flows:
        folder = out / flow_file.stem
        folder.mkdir(parents=True)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                compile_as_main(flow_file.resolve(), folder.resolve())
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if status:
            failed += 1
            sys.stderr.write(f"{flow_file} could not be compiled\n")
    return failed


if __name__ == "__main__":
    del metaflow
    sys.exit(main())
