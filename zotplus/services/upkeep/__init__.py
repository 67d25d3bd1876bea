"""Keeping the house in order: collection, scrubbing, backups, reference counts."""
