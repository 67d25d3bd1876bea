"""Sealing of stored secrets with AES-256-GCM under a master key that lives in a file or the environment."""
