"""Records of what opens a bucket to others."""
