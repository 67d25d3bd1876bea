"""The part of the API that manages trusts and ends sessions."""
