"""How containers run: images, processes, scripted outcomes, and the supervisor of runs."""
