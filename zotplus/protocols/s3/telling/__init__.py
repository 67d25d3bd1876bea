"""Who is told what happens in a bucket: notifications to webhooks, and access logs in another bucket."""
