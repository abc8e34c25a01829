"""Jinja templates of the generated file; a package so that they are found when installed."""
