"""Extract, transform in parallel, load: retries, mapping and an artifact.

prefect-headless run python data_pipeline.py
"""

from prefect import flow, task
from prefect.artifacts import create_table_artifact


@task(retries=2, retry_delay_seconds=1)
def extract(rows: int) -> list[int]:
    """Read the raw numbers (here: make them)."""
    return list(range(1, rows + 1))


@task
def transform(number: int) -> dict[str, int]:
    """Turn one number into one row."""
    return {"number": number, "square": number**2}


@task
def load(rows: list[dict[str, int]]) -> int:
    """Publish the rows as an artifact of the run."""
    create_table_artifact(key="squares", table=rows, description="What the pipeline computed")
    return sum(row["square"] for row in rows)


@flow(name="data-pipeline", log_prints=True)
def data_pipeline(rows: int = 5) -> int:
    """Square some numbers and add them up.

    Args:
        rows: How many numbers are read.
    """
    total = load([future.result() for future in transform.map(extract(rows))])
    print(f"sum of squares: {total}")
    return total


if __name__ == "__main__":
    data_pipeline()
