"""Antiphon: Open WebUI's live layer in Python."""
