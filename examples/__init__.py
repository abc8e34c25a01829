"""Runnable flows: documentation, golden input and end-to-end tests at once."""
