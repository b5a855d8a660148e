"""What the server says of itself: health, version, configuration."""
