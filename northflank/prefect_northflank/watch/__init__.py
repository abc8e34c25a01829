"""Watching job runs within the rate limit, and why one ended."""
