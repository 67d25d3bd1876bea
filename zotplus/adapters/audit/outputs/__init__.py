"""Where records are sent besides the log itself: JSON lines, syslog, OTLP."""
