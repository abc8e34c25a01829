"""What packages of single steps cost: the lock, the interpreter, and each task in it."""
