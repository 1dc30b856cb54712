"""How often something may happen: exact over rolling windows, in all layers at once, whichever gateway is asked."""

from gateway.limits import lean  # noqa: F401 - the first that imports the Redis client decides how
from gateway.limits.layers import Decision, Layer
from gateway.limits.limiter import Limiter
from gateway.limits.lines import connect

__all__ = ["Decision", "Layer", "Limiter", "connect"]
