"""The live client: connection, stores, handlers, catch-up, outbox."""
