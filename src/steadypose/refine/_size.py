"""The size of a body, for the stages of refinement."""

from steadypose._size import SAMPLED_FRAMES, body_size

__all__ = ["SAMPLED_FRAMES", "body_size"]
