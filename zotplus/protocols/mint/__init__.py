"""Tokens for CI jobs by the interface of package indexes' trusted publishing."""
