"""The security token service in AWS's form: sessions for S3 clients, without a stored secret."""
