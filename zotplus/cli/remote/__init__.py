"""The client side: where the server is, who asks, and its two protocols."""
