"""What travels: typed events and REST bodies. No I/O, no state."""
