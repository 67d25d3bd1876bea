"""Plain reads: GET and HEAD of one object and nothing else, read without what other requests need."""
