"""Conditions of statements: the operators and the condition keys as tables, and tests prepared from them."""
