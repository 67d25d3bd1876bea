"""What the server tells about itself: structured logs, metrics summed over its processes, and traces."""
