"""A backup of all that is in the database, and the way back. Everything else is made anew or held for seconds only."""
