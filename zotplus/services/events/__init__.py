"""Events: what happens to objects, told to those whom a bucket's owner names."""
