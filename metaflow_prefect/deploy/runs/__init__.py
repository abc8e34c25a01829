"""Runs of deployments: started, followed, cancelled."""
