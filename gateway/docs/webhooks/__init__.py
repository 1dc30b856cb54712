"""How to receive webhooks: a page for people, with code that is tried out and values to try one's own code on."""
