"""Use cases, async, over ports and records only."""
