"""What the inside asks of the outside, as protocols whose docstrings are the contract."""
