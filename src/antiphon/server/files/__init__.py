"""Files that people upload: kept in the data folder, known by what they are, shared by messages."""
