"""Catalogues that no registry should send."""

import pytest

from zotplus.ports.upstream import UpstreamReply


async def pieces(content: bytes):
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"", 200),
        (200, b'{"repositories": null}', 200),
        (418, b"", 502),
        (200, b"no json", 502),
        (200, b'{"repositories": [1]}', 502),
        (200, b'{"repositories": ["\xff"]}', 502),
        (200, b" " * (1 << 20) + b'{"repositories": []}', 502),
        (200, b" " * (1 << 19) + b'{"repositories": []}', 200),
    ],
)
async def test_they_are_read_or_refused(gateway, monkeypatch, status, body, expected):
    async def exchange(_request):
        return UpstreamReply(status=status, headers=(), body=pieces(body) if len(body) > 99 else body)

    monkeypatch.setattr(gateway.registry, "exchange", exchange)
    answer = await gateway.ask("GET", "/v2/_catalog", headers=[gateway.basic("reader")])
    assert answer.status == expected
    if expected == 200:
        assert answer.json == {"repositories": []}
    else:
        assert answer.code == "UPSTREAM_FAILED"


async def test_a_list_that_never_moves_on_ends(gateway, monkeypatch):
    async def exchange(_request):
        link = (("Link", "</v2/_catalog>"),)
        return UpstreamReply(status=200, headers=link, body=b'{"repositories": ["team/a"]}')

    monkeypatch.setattr(gateway.registry, "exchange", exchange)
    answer = await gateway.ask("GET", "/v2/_catalog?n=9", headers=[gateway.basic("reader")])
    assert set(answer.json["repositories"]) == {"team/a"}
