"""What the processes say to each other: one module or package per service with its entities, questions and
events."""

SERVICES = ("accounts", "keys", "links", "profile", "analytics", "webhooks")
