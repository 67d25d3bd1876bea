import json

import pytest

from tools import reference_clients
from tools.reference_clients import page

TABLE = {
    "one": {"version": "1.0", "root": {"put": "ok", "get": "ok"}, "prefix": {"connect": "no paths, please"}},
    "two": {"version": "2.0", "root": {"put": "ok", "link": "refused"}, "prefix": {"put": "ok", "link": "refused"}},
}


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    (tmp_path / "results.json").write_text(json.dumps(TABLE))
    monkeypatch.setattr(reference_clients, "RESULTS", tmp_path / "results.json")


def test_a_client_has_a_row_with_its_version_and_what_it_did_at_both_addresses():
    assert "| one | 1.0 | all 2 steps | no: it wants the root port |" in page()
    assert "| two | 2.0 | 1 of 2 steps | 1 of 2 steps |" in page()


def test_what_a_client_could_not_do_is_told_in_its_own_words():
    assert "Under `/s3`, connect:\n\n```text\nno paths, please\n```" in page()
    assert page().count("```text\nrefused\n```") == 2
