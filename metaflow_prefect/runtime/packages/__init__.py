"""The packages of single steps: their locks, uv, and the interpreters that it makes, once on a machine.

`interpreters.make_all(locks, environment, say)` returns the path of an interpreter for each lock. What makes
interpreters otherwise (from a uv project) takes `uv.Uv.found(environment)`, whose `run` starts uv aimed at nothing
that it inherited, and `made_once.made_once(folder, make)` below `made_once.cache_folder(environment, NAME)`.
"""
