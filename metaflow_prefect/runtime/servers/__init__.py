"""Which Prefect server a run uses, and the local server that is started where none is configured."""
