"""Policies of buckets, written as Amazon writes them: read into the one language, and whether they are public."""
