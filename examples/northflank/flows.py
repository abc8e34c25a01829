"""The flow of the deployments in prefect.yaml."""

from prefect import flow


@flow(log_prints=True)
def my_flow(name: str = "Northflank") -> str:
    print(f"Hello from {name}!")
    return name


if __name__ == "__main__":
    my_flow()
