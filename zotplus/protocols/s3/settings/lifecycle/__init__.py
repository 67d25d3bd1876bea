"""Lifecycle configurations of buckets: their operations, and the documents in and out."""
