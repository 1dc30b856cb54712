"""What a process counts, and the small listener at which whoever watches it reads that."""
