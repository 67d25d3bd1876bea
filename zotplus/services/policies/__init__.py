"""Policies as things: kept in versions, attached, applied from files, and asked why they decided as they did."""
