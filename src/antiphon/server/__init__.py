"""The protocol's other end: REST, rooms, model runs, storage."""
