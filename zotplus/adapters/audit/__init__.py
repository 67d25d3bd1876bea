"""The audit log on disk: streams of chained records, their checkpoints, reading, retention and outputs."""
