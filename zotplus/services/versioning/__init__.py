"""Versions of objects: where they are, how one becomes visible, and how one goes."""
