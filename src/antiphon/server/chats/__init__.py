"""Chats: their documents, made of one row per message, and the REST and socket doors to them."""
