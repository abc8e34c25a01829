"""What runs in the container: travels there in the code package, with Metaflow and without the rest of this package."""
