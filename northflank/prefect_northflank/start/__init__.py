"""Starting one job run, once: what must hold before, its image, its secrets."""
