"""`python flow.py run --with northflank`: Metaflow's own runtime on this machine, its tasks as Northflank job runs.

Loaded with every flow through its parts alone: this module imports nothing.
"""
