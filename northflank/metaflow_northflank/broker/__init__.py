"""The one process of a run that calls Northflank; knows no Metaflow."""
