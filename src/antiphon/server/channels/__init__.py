"""Channels: who may use them, what is said there, and how everyone hears of it."""
