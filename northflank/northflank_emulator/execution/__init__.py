"""How a container runs: images, processes, scripted outcomes, and who supervises them."""
