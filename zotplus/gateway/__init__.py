"""HTTP plumbing that knows no format: heads, routes, the pipeline, bodies and replies."""
