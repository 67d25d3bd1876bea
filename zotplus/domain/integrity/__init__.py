"""Checksums of content: those that clients ask for, and those by which what is read is verified."""
