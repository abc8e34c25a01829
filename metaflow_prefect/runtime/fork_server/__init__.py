"""Steps without the price of an interpreter: a process imports the flow once and forks a child per task.

`client` is used by the runtime; everything else is the server, which stands alone: it is started by
path, imports only the standard library and Metaflow, and loads its parts under private names, so
that the flow finds its own interpreter as `python flow.py` would have made it.
"""
