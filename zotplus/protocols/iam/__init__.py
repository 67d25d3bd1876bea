"""Users, access keys and policies in the form of AWS's IAM, for tools that manage S3 servers by it."""
