"""What runs beside requests and rounds: delivery of events, and access logs."""
