"""The audit log's values and rules: what a record says, how records are chained, how a chain is verified."""
