"""What the server asks this client and waits for: calls, and questions to the person."""
