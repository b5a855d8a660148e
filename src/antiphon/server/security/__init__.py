"""Who is asking: passwords, tokens and the person behind a request."""
