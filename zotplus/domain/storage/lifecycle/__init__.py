"""The rules by which objects age: what they can say, what they must not, and what they mean for a version."""
