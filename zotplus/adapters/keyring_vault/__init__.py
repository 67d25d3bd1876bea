"""The port of key rings by the transit engine of HashiCorp Vault or OpenBao."""
