"""Messages on their way out: kept, in order, sent once."""
