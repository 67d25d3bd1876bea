"""Records of what waits to be told to others, and of what was given up."""
