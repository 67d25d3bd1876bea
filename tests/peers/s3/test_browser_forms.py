"""A form in a page of another origin, filled in by a real browser, uploads what its policy allows."""

import uuid

from tests.peers.chromium import chromium  # noqa: F401 - a fixture
from tests.peers.s3.conftest import client

PAGE = """<!doctype html><form id="form" action="{url}" method="post" enctype="multipart/form-data">{fields}
<input type="file" name="file" id="file"><button id="go">Upload</button></form>"""


def submit(page, html, file):
    """Fill the form in and send it; the address where the browser ends, and what it shows."""
    page.set_content(html)
    page.set_input_files("#file", file)
    with page.expect_navigation():
        page.click("#go")
    return page.url, page.content()


def test_a_browser_uploads_by_a_form_and_is_sent_on(chromium, endpoint, bare_gateway, tmp_path):  # noqa: F811 - the fixture
    s3, bucket = client(endpoint, signature_version="s3v4"), f"form-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    file = tmp_path / "größe 1.txt"
    file.write_bytes(b"line\r\n--boundary\r\n" * 20_000)
    after = f"{bare_gateway.url}/health/live?from=form"
    made = s3.generate_presigned_post(
        bucket,
        "pages/${filename}",
        Fields={"success_action_redirect": after, "Content-Type": "text/plain"},
        Conditions=[
            {"success_action_redirect": after},
            {"Content-Type": "text/plain"},
            ["content-length-range", 1, 10**6],
        ],
    )
    fields = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in made["fields"].items())
    html = PAGE.format(url=made["url"], fields=fields)
    url, _ = chromium.visit(submit, html, file)
    assert url.startswith(f"{after}&bucket={bucket}&key=pages")
    got = s3.get_object(Bucket=bucket, Key="pages/größe 1.txt")
    assert got["Body"].read() == file.read_bytes()
    assert got["ContentType"] == "text/plain"
    (tmp_path / "large").write_bytes(b"x" * 1_000_001)
    _, shown = chromium.visit(submit, html, tmp_path / "large")
    assert "EntityTooLarge" in shown
