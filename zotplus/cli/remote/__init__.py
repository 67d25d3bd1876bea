"""The client side: where the server is and who asks, its two protocols, and the transfers that they carry."""
