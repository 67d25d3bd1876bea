"""Records reach JSON lines, syslog and OTLP, at least once, and a receiver that fails is tried again."""

import asyncio
import json
import re
import socket

import msgspec
import pytest
from aiohttp import web

from zotplus.adapters.audit.outputs import shipping
from zotplus.adapters.audit.outputs.lines import LinesOutput
from zotplus.adapters.audit.outputs.message import message_of, shortened
from zotplus.adapters.audit.outputs.otlp import OtlpOutput
from zotplus.adapters.audit.outputs.shipping import Shipper, output_of
from zotplus.adapters.audit.outputs.syslog import DatagramOutput, StreamOutput, formatted
from zotplus.adapters.audit.settings import AuditOutput, AuditSettings
from zotplus.adapters.audit.stream import AuditStream
from zotplus.domain.audit.records import Decided, EventKind, encode

PATIENCE = 20
SYSLOG = re.compile(rb"<(\d+)>1 (\S+) (\S+) zotplus (\S+) (\S+) - (.*)", re.DOTALL)


@pytest.fixture
def message(make):
    def made(number=1, **changes):
        return message_of("worker-0", encode(msgspec.structs.replace(make(number, **changes), seq=number)))

    return made


def test_a_message_tells_its_stream_and_how_grave_it_is(message):
    plain, denied = message(1), message(2, kind=EventKind.DENIED)
    assert json.loads(plain.text)["stream"] == "worker-0"
    assert (plain.kind, plain.severity, denied.kind, denied.severity) == ("request", 6, "denied", 4)
    assert message_of("worker-0", b"nonsense") is None
    assert message_of("worker-0", b'{"checkpoint":"x"}') is None


def test_a_message_too_long_for_a_datagram_loses_its_decisions_and_says_so(message):
    decided = tuple(Decided("s3:GetObject", "s3:b/" + "x" * 1_000, allowed=True) for _ in range(32))
    long = message(1, decisions=decided, path="/" + "p" * 500)
    told = json.loads(shortened(long, 2_000))
    assert (told["more_decisions"], "decisions" in told, len(told["path"])) == (32, False, 100)
    assert shortened(long, 10**6) == long.text


def test_syslog_has_the_form_of_rfc_5424(message):
    found = SYSLOG.fullmatch(formatted(message(7, kind=EventKind.DENIED), 13, 60_000))
    assert int(found[1]) == 13 * 8 + 4
    assert found[2] == message(7).time.encode()
    assert (found[4], found[5]) == (b"worker-0", b"denied")
    assert json.loads(found[6])["seq"] == 7


@pytest.mark.parametrize("kind", ["udp", "unix"])
async def test_datagrams_arrive(message, tmp_path, kind):
    if kind == "udp":
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        to = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
    else:
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(str(tmp_path / "log"))
        to = f"unix://{tmp_path}/log"
    with receiver:
        receiver.settimeout(PATIENCE)
        output = output_of(AuditOutput(kind="syslog", to=to), "zotplus")
        assert isinstance(output, DatagramOutput)
        await output.send([message(1), message(2)])
        received = [await asyncio.to_thread(receiver.recv, 65_536) for _ in range(2)]
        await output.close()
    assert [json.loads(SYSLOG.fullmatch(one)[6])["seq"] for one in received] == [1, 2]


async def test_a_socket_that_is_not_there_is_an_error(message, tmp_path):
    with pytest.raises(OSError, match="No such file"):
        await DatagramOutput(f"unix://{tmp_path}/none", 13).send([message(1)])


class Receiver:
    """A syslog server over TCP that reads octet-counted frames."""

    def __init__(self):
        self.frames = []
        self.came = asyncio.Condition()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        try:
            while True:
                length = await reader.readuntil(b" ")
                frame = await reader.readexactly(int(length))
                async with self.came:
                    self.frames.append(frame)
                    self.came.notify_all()
        except asyncio.IncompleteReadError:
            writer.close()

    async def wait(self, count):
        async with asyncio.timeout(PATIENCE), self.came:
            await self.came.wait_for(lambda: len(self.frames) >= count)
        return [json.loads(SYSLOG.fullmatch(one)[6])["seq"] for one in self.frames]


async def test_tcp_frames_count_their_octets_on_one_connection(message):
    async with Receiver() as receiver:
        output = output_of(AuditOutput(kind="syslog", to=f"tcp://127.0.0.1:{receiver.port}"), "zotplus")
        assert isinstance(output, StreamOutput)
        await output.send([message(1, agent="ünïcode"), message(2)])
        await output.send([message(3)])
        assert await receiver.wait(3) == [1, 2, 3]
        await output.close()
        await output.send([message(4)])
        assert await receiver.wait(4) == [1, 2, 3, 4]
        await output.close()


async def test_a_tcp_receiver_that_is_gone_is_an_error_and_found_again(message):
    async with Receiver() as receiver:
        port = receiver.port
        output = StreamOutput(f"tcp://127.0.0.1:{port}", 13)
        await output.send([message(1)])
        await receiver.wait(1)
        await output.close()
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        await output.send([message(2)])


class Collector:
    """An OTLP collector that answers what it is told to."""

    def __init__(self):
        self.received = []
        self.answers = []

    async def __aenter__(self):
        application = web.Application()
        application.router.add_post("/v1/logs", self.take)
        self.runner = web.AppRunner(application)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/v1/logs"
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()

    async def take(self, request):
        assert request.content_type == "application/json"
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.received.append(await request.json())
        return web.json_response({}, status=status)

    @property
    def records(self):
        return [one for got in self.received for one in got["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]


async def test_otlp_log_records_have_time_severity_body_and_trace(message):
    async with Collector() as collector:
        output = output_of(AuditOutput(kind="otlp", to=collector.url), "our registry")
        assert isinstance(output, OtlpOutput)
        await output.send([message(1, kind=EventKind.DENIED, trace="0af7651916cd43dd8448eb211c80319c"), message(2)])
        await output.close()
        (got,) = collector.received
        assert got["resourceLogs"][0]["resource"]["attributes"][0]["value"]["stringValue"] == "our registry"
        first, second = collector.records
        assert (first["severityText"], first["traceId"]) == ("WARN", "0af7651916cd43dd8448eb211c80319c")
        assert first["timeUnixNano"] == "1800000000000000000"
        assert json.loads(first["body"]["stringValue"])["seq"] == 1
        assert "traceId" not in second


async def test_a_collector_that_fails_is_an_error_but_one_that_refuses_is_not_asked_again(message):
    async with Collector() as collector:
        output = OtlpOutput(collector.url, "zotplus")
        for status in (503, 401, 302):
            collector.answers = [status]
            with pytest.raises(OSError, match=str(status)):
                await output.send([message(1)])
        collector.answers = [400]
        await output.send([message(1)])
        assert collector.received == []
        await output.close()
    await output.close()
    with pytest.raises(OSError, match="v1/logs"):
        await output.send([message(1)])
    await output.close()


async def test_lines_go_to_a_private_file_and_to_standard_output(message, tmp_path, capfd):
    output = output_of(AuditOutput(kind="lines", to=str(tmp_path / "out.jsonl")), "zotplus")
    assert isinstance(output, LinesOutput)
    await output.send([message(1)])
    (tmp_path / "out.jsonl").rename(tmp_path / "rotated")
    await output.send([message(2), message(3)])
    await output.close()
    assert [json.loads(line)["seq"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [2, 3]
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600
    await LinesOutput("stdout").send([message(4)])
    assert json.loads(capfd.readouterr().out)["seq"] == 4


class Kept:
    """An output that keeps what it is sent, and fails when told to."""

    def __init__(self):
        self.sent = []
        self.failing = False
        self.closed = False

    async def send(self, messages):
        if self.failing:
            raise OSError("unreachable")
        self.sent += messages

    async def close(self):
        self.closed = True

    async def has(self, count):
        while len(self.seqs) < count:  # noqa: ASYNC110 - polls for a state
            await asyncio.sleep(0.01)

    @property
    def seqs(self):
        return [json.loads(one.text)["seq"] for one in self.sent if one.kind != "checkpoint"]


@pytest.fixture
def stream(disk):
    made = AuditStream(disk.open(), interval=60)
    yield made
    made.close()


async def test_a_new_output_begins_at_the_end_and_then_gets_everything(disk, make, stream):
    stream.append([make(1)])
    stream.flush()
    output = Kept()
    shipper = Shipper(disk.folder, "siem", output)
    assert await shipper.ship() == 0
    stream.append([make(2), make(3)])
    stream.flush()
    await shipper.ship()
    assert output.seqs == [2, 3]
    assert "checkpoint" in {one.kind for one in output.sent}
    other = AuditStream(disk.open("worker-1", head=b""))
    other.append([make(4)])
    other.close()
    await shipper.ship()
    assert output.seqs == [2, 3, 1]


async def test_what_could_not_be_sent_is_sent_later_also_by_the_next_process(disk, make, stream):
    output = Kept()
    shipper = Shipper(disk.folder, "siem", output)
    await shipper.ship()
    output.failing = True
    stream.append([make(1)])
    stream.flush()
    with pytest.raises(OSError, match="unreachable"):
        await shipper.ship()
    output.failing = False
    again = Shipper(disk.folder, "siem", output)
    await again.ship()
    await again.ship()
    assert output.seqs == [1]


async def test_a_position_that_cannot_be_read_begins_at_the_end(disk, make, stream):
    stream.append([make(1)])
    stream.flush()
    (disk.folder / "sent-siem.json").write_bytes(b"?")
    output = Kept()
    await Shipper(disk.folder, "siem", output).ship()
    assert output.seqs == []


async def test_many_records_go_in_batches_until_all_are_there(disk, make, stream, monkeypatch):
    monkeypatch.setattr(shipping, "BATCH", 10)
    monkeypatch.setattr(shipping, "LOOK_SECONDS", 0.01)
    output = Kept()
    shipper = Shipper(disk.folder, "siem", output)
    await shipper.ship()
    stream.append([make(number) for number in range(55)])
    stream.flush()
    output.failing = True
    running = asyncio.create_task(shipper.run())
    await asyncio.sleep(0.05)  # some failures
    output.failing = False
    async with asyncio.timeout(PATIENCE):
        await output.has(55)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert output.seqs == list(range(1, 56))
    assert output.closed


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "syslog", "to": "http://x"},
        {"kind": "syslog", "to": "udp://x"},
        {"kind": "otlp", "to": "udp://x:1"},
    ],
)
def test_an_address_must_fit_its_kind(given):
    with pytest.raises(ValueError, match=r"sent to|has a port"):
        AuditOutput(**given)


def test_outputs_have_names_of_their_own():
    one = AuditOutput(kind="otlp", to="http://x/")
    with pytest.raises(ValueError, match="same name"):
        AuditSettings(outputs=(one, one))
    assert AuditSettings(outputs=(one, AuditOutput(kind="otlp", to="http://y/", name="second")))


def test_the_position_file_is_no_stream(disk, stream):
    (disk.folder / "sent-siem.json").write_bytes(b"{}")
    assert shipping.streams(disk.folder) == ["worker-0"]
