"""HTTP: routes, the request pipeline, log tails, the control endpoint, the dashboard."""
