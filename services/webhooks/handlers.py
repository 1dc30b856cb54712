"""What can be asked of webhooks. The answers stand in the files by whose name they go here."""

from shared.service import Handler

HANDLERS: tuple[Handler, ...] = ()
