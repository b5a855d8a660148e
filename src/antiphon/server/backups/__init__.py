"""Everything the server keeps, into one file and back, while it runs."""
