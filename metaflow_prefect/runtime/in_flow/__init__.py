"""What runs inside the flow's own processes: each module stands alone, with the standard library and Metaflow only."""
