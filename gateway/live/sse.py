"""Server-sent events as the HTML standard spells them."""

MEDIA_TYPE = "text/event-stream"


def event(name: str, data: bytes, event_id: object) -> bytes:
    """``data`` is JSON on one line. The id comes back in ``Last-Event-ID`` when the reader does."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), str(event_id).encode(), data)


def beginning(retry_seconds: float, event_id: object) -> bytes:
    """No event: after how long to come back when the stream has ended, and an id for that time."""
    return b"retry: %d\nid: %s\n\n" % (retry_seconds * 1000, str(event_id).encode())


def alive(event_id: object) -> bytes:
    """No event either, but a sign of life and a newer id."""
    return b":\nid: %s\n\n" % str(event_id).encode()
