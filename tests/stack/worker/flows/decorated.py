"""A program whose flow runs on Northflank when it is called (test_decorator.py)."""

import os
import sys

from prefect import flow
from prefect.filesystems import LocalFileSystem
from prefect_northflank import northflank

POOL = os.environ["POOL"]
RESULTS = LocalFileSystem(basepath=os.environ["RESULTS"])
RESULTS.save("decorated-results", overwrite=True)


@northflank(
    POOL,
    include_files=["table.csv"],
    # On Northflank `uv` installs what the flow needs; the test's containers have it already.
    launcher=["python3"],
    project_id="demo",
    env={"PYTHONPATH": os.environ["PYTHONPATH"]},
    billing_deployment_plan="nf-compute-400",
)
@flow(persist_result=True, result_storage=RESULTS)
def where(number: int) -> dict[str, object]:
    with open("table.csv") as table:
        rows = len(table.readlines())
    return {"double": 2 * number, "project": os.environ.get("NF_PROJECT_ID"), "rows": rows}


if __name__ == "__main__":
    sys.stdout.write(repr(where(21)))
