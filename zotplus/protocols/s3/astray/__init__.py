"""Clients of S3 at an address that does not serve them."""
