"""One run as a Prefect flow run: each task is a task run."""
