"""Deployments: `plan` decides (pure), `apply` carries out, `trigger` starts runs."""
