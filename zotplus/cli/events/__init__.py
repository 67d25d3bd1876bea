"""Commands about events of objects on their way to webhooks."""
