"""Ageing of objects: the rules of buckets, and the engine that does what they say."""
