"""Sub-resources of buckets and objects: what is set for them, one module a topic."""
