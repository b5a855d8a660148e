"""What `make` runs: the set-up of the environment, the search for a browser, the locks."""
