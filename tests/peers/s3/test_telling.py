"""aws-cli sets notifications and an access log on a whole server, and both arrive."""

import base64
import hashlib
import hmac
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.peers.programs import ADMIN_KEY, ADMIN_SECRET, need, start_gateway

pytestmark = pytest.mark.peer

SECRET = "a secret of more than 24 letters"
PATIENCE = 60


class Endpoint:
    """A webhook that keeps what it takes, and refuses what is not signed."""

    def __init__(self):
        self.taken = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
                right = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
                is_ours = self.headers["webhook-signature"] == f"v1,{right}"
                if is_ours:
                    endpoint.taken.append(json.loads(body))
                self.send_response(204 if is_ours else 401)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/objects"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def endpoint():
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture
def aws(endpoint, tmp_path):
    """Runs aws-cli against a server that knows the webhook and puts logs every second."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    hook = {"name": "hook", "url": endpoint.url, "reach": "local", "secret_file": str(secret)}
    settings = {"ZOTPLUS_EVENTS__WEBHOOKS": json.dumps([hook]), "ZOTPLUS_S3__ACCESS_LOG_INTERVAL": "1"}
    gateway = start_gateway(tmp_path, None, **settings)
    environment = {
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{gateway.s3_port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }

    def run(*arguments):
        command = [str(need("aws")), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    yield run
    gateway.running.stop()


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)  # polls for a state, hides no race


def test_events_of_a_bucket_reach_a_webhook(aws, endpoint, tmp_path):
    aws("s3", "mb", "s3://media")
    rules = {"QueueConfigurations": [{"QueueArn": "arn:zotplus:webhook:::hook", "Events": ["s3:ObjectCreated:*"]}]}
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    arguments = ("--bucket", "media", "--notification-configuration", f"file://{tmp_path}/rules.json")
    aws("s3api", "put-bucket-notification-configuration", *arguments)
    (tmp_path / "cat.jpg").write_bytes(b"cat")
    aws("s3", "cp", str(tmp_path / "cat.jpg"), "s3://media/images/a cat.jpg")
    until(lambda: len(endpoint.taken) == 2)
    # Events of different keys come in any order, and that of the test has none.
    created, test = sorted(endpoint.taken, key=lambda taken: "Event" in taken)
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", "media")
    (record,) = created["Records"]
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", "images/a+cat.jpg")
    found = aws("s3api", "get-bucket-notification-configuration", "--bucket", "media")
    assert found["QueueConfigurations"][0]["Events"] == ["s3:ObjectCreated:*"]


def test_requests_to_a_bucket_are_logged_into_another(aws, tmp_path):
    for name in ("media", "media-logs"):
        aws("s3", "mb", f"s3://{name}")
    status = {"LoggingEnabled": {"TargetBucket": "media-logs", "TargetPrefix": "media/"}}
    aws("s3api", "put-bucket-logging", "--bucket", "media", "--bucket-logging-status", json.dumps(status))
    assert aws("s3api", "get-bucket-logging", "--bucket", "media") == status
    (tmp_path / "cat.jpg").write_bytes(b"cat")

    def logged():
        aws("s3", "cp", str(tmp_path / "cat.jpg"), "s3://media/images/cat.jpg")
        return "media/" in aws("s3", "ls", "s3://media-logs", "--recursive")

    until(logged)
    aws("s3", "sync", "s3://media-logs", str(tmp_path / "logs"))
    (first, *_) = [path.read_text() for path in (tmp_path / "logs").rglob("*-*") if path.is_file()]
    fields = first.splitlines()[0].split(" ")
    assert fields[1] == "media"
    assert fields[7] == "REST.PUT.OBJECT"
    assert fields[8] == "images/cat.jpg"
