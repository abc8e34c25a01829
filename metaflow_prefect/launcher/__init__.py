"""The launcher: a process that has imported Metaflow and Prefect, from which a run on the local server is forked."""
