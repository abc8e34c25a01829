"""How one command of Metaflow's is executed: its words, its process, its output."""
