"""Plain requests: GET, HEAD and PUT of one small object and nothing else, read without what other requests need."""
