"""Accounts: signing up and in, who people are, and whether they are there."""
