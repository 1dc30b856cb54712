"""The public bio page of a workspace."""
