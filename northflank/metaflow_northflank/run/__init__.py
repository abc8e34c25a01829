"""What happens in the process of `run` or `resume`: checks, one broker, the code package, a sign of life."""
