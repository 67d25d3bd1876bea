"""Runs versitygw's S3 suite against a fresh gateway and compares the result with the list of known differences.

The suite is run as a whole first, with buckets that have versions. A case can end it (several read fields of an answer
without asking whether there is one); the cases of ``tests/peers/full_flow_cases.txt`` that have no result then are run
each on its own.

``tests/peers/full_flow_known.txt`` holds one line per case that does not pass: its name or a pattern of names, a colon,
the reason. The run fails for a case that fails without a line, and for one that has a line and passes. Lines that begin
with ``#`` are comments. ``tests/peers/full_flow_results.txt`` is the result of the last run that was recorded, from
which a page of the documentation is printed.

``python -m tools.full_flow --record`` writes it; ``--save FILE`` keeps the suite's whole output; ``--only NAME`` runs
the cases that have NAME in their names.
"""
