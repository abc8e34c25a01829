"""The commands of `python flow.py northflank`."""
