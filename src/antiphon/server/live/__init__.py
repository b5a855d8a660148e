"""The socket: who is connected, in which rooms, and what is sent to them."""
