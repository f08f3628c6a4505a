"""A real recording for ``steadypose demo``."""
