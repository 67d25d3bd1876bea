"""What one caller can ask of the server, and how often a password may be wrong."""
