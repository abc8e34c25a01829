"""Northflank's API: its calls, their answers, their budget."""
