"""What the metadata store keeps of the audit log, out of reach of whoever can only write its files."""
