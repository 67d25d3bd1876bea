"""Encryption of content: the frames in which it is stored, and what schemes and keys are called."""
