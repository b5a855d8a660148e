"""Bots: every message once and in order, a handler at a time."""
