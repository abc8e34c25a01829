"""The command `prefect-northflank`: set up a work pool, find out what is wrong."""
