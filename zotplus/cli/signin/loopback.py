"""A port of this machine that takes the issuer's answer from the browser, once. Spec: RFC 8252, 7.3 and 8.3."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

PATH = "/callback"
_CLOSE_SECONDS = 1.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",  # the address holds the code
    "X-Content-Type-Options": "nosniff",
}
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>zotplus</title><h1>zotplus</h1><p>{text}</p></html>\n'
)
TAKEN = "The answer has arrived. You may close this page and go back to the terminal."
STRANGE = "This is not the answer to the login that is waiting."


@asynccontextmanager
async def listening(state: str) -> AsyncIterator[tuple[str, asyncio.Future[dict[str, str]]]]:
    """The address to be redirected to, and what the browser will bring there together with ``state``.

    Whatever comes without it is another page's doing: it is refused, and the wait goes on.
    """
    answered: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def take(request: web.Request) -> web.Response:
        given = request.query.getall("state", [])
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(errors="replace"), state.encode()):
            return _page(400, STRANGE)
        if not answered.done():
            answered.set_result(dict(request.query))
        return _page(200, TAKEN)

    app = web.Application()
    app.router.add_get(PATH, take, allow_head=False)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}", answered
    finally:
        answered.cancel()
        await runner.cleanup()


def _page(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=_PAGE.format(text=text), content_type="text/html", headers=_HEADERS)
