"""Keeping one link to the server: attempts, the session, what runs while it stands, how bytes travel."""
