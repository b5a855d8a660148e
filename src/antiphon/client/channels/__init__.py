"""Channels: the list, their messages and threads, and what a person does there."""
