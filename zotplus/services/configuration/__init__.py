"""What is set for a bucket: versioning, tags, rules, policies."""
