"""Where the server keeps what it knows: one database, its tables and their migrations."""
