"""The S3 face: Amazon's REST protocol over the object services."""
