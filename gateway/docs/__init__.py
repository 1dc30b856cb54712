"""What is written about the public APIs: all of it is derived from their endpoint tables."""
