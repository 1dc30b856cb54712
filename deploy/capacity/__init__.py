"""What an installation needs, reckoned from what one request was measured to cost."""
