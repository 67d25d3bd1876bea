"""Who signed what: Signature Version 4 and 2, payload modes, and aws-chunked bodies with signed chunks."""
