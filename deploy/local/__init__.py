"""The embedded stack: real servers from their wheels, and the supervisor that runs them together with our processes."""
