"""What a container is told: job variables, environment, command."""
