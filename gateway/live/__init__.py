"""What happens right now, as those who watch are told it."""

from gateway.live.feed import Event, Feed, Gap
from gateway.live.position import Position

__all__ = ["Event", "Feed", "Gap", "Position"]
