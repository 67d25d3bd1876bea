"""What opens a bucket to others: its policy, access control lists, and what may not be opened to the public."""
