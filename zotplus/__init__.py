"""zotplus: one small registry beside a stock Zot."""
