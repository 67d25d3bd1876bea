"""A browser that can do one thing: fill in Keycloak's form and go where it is sent.

``zotplus login --oidc`` starts it as the person's browser (``BROWSER``). Arguments: user name, password, address.
"""

import html
import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request

# Keycloak marks its cookies as secure; browsers give them back to this machine without TLS too.
_policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("https", "http"))
_opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(_policy))
)


def log_in(user: str, password: str, address: str) -> int:
    """Fill in the form at ``address``; the status of the page where it ends."""
    with _opener.open(address, timeout=60) as answer:
        page = answer.read().decode()
    form = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', page)
    if form is None:
        raise SystemExit(f"There is no form for name and password: {page[:500]}")
    fields = urllib.parse.urlencode({"username": user, "password": password, "credentialId": ""}).encode()
    with _opener.open(html.unescape(form[1]), fields, timeout=60) as answer:
        return answer.status


if __name__ == "__main__":
    sys.exit(0 if log_in(*sys.argv[1:]) == 200 else 1)
