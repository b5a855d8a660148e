"""The figures of the README: each comes from a command here, measured over real HTTP on this machine."""
