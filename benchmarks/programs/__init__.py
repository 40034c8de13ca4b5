"""Programs that are measured: the plainest ones that do the same, and wrappers of the console that can be looked into."""
