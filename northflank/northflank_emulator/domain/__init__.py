"""What the API does: projects, jobs, runs, builds, secret groups, account items; no HTTP."""
