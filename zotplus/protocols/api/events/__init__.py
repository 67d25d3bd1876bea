"""The part of the API that shows events on their way, and those that were given up."""
