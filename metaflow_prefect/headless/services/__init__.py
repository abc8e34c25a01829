"""The processes of a stack: what is started, with which environment, under supervision."""
