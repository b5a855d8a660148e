"""What outlives the process, on this machine: the file of an account, and the drafts in it."""
