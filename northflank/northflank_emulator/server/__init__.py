"""The HTTP side: routes, the gate every request passes, log tails, control, the page."""
