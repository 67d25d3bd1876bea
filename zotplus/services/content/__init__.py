"""Content on its way in and out: taken in, hashed, kept inline or in blobs, cut into ranges."""
