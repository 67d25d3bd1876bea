"""Rules of what is kept and how it is kept: locks, tags, lifecycle, sharing."""
