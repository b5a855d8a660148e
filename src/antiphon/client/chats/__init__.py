"""Chats: the list, the tree of turns, answers as they are written, and asking."""
