"""Records of the keys of encryption."""
