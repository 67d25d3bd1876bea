"""Encryption of content: keys of objects, the keys that wrap them, and wrapping anew under newer ones."""
