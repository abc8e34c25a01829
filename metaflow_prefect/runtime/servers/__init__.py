"""Which Prefect server a run uses, and the one that this machine starts for itself."""
