"""System calls of a process as strace tells them: which file was opened, written, synced, renamed, in what order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "openat,creat,lseek,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,ftruncate,truncate,fallocate,msync,"
    "copy_file_range,sendfile,splice"
)
"""Whatever changes a file, a folder, or what of them is durable. The model refuses those that it does not know."""

STRACE = ["strace", "-f", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e", f"trace={CALLS}"]


@dataclass(frozen=True)
class Call:
    """One call that succeeded. ``data`` are the bytes of its strings in order, ``paths`` those of its descriptors."""

    name: str
    arguments: str
    strings: tuple[bytes, ...]
    paths: tuple[str, ...]
    descriptors: tuple[int, ...]
    result: int

    @property
    def numbers(self) -> list[int]:
        """The arguments that are plain numbers."""
        return [int(one) for one in re.findall(r"(?:^|, )(\d+)(?=$|, )", self.arguments)]


@dataclass(frozen=True)
class Step:
    """A moment of the recording: a call began (only syncs tell) or ended."""

    call: Call
    number: int
    is_end: bool


_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<[^>]*>)?.*", re.DOTALL)
_UNFINISHED = re.compile(r"(\w+)\((.*?)(?:,? *)<unfinished \.\.\.>", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"(-?\w+)<((?:\\x[0-9a-f]{2})*)>")


def steps(trace: Path) -> Iterator[Step]:
    """The calls of the recording in order. A call that was interrupted by another thread's begins and ends apart."""
    begun: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(trace.read_text().splitlines()):
        process, text = _LINE.fullmatch(line).groups()
        if text.startswith(("+++", "---")):
            continue
        if unfinished := _UNFINISHED.fullmatch(text):
            begun[process] = (f"{unfinished[1]}({unfinished[2]}", number)
            yield Step(_call(unfinished[1], unfinished[2], 0), number, is_end=False)
            continue
        if resumed := _RESUMED.fullmatch(text):
            head, start = begun.pop(process)
            rest = resumed[2].lstrip()
            text = head + ("" if rest.startswith(")") else ", ") + rest
        else:
            start = number
        parts = _CALL.fullmatch(text)
        assert parts, f"cannot read: {text[:300]}"
        if int(parts[3]) >= 0:
            call = _call(parts[1], parts[2], int(parts[3]))
            if start == number:
                yield Step(call, number, is_end=False)
            yield Step(call, start, is_end=True)


def _call(name: str, arguments: str, result: int) -> Call:
    strings = tuple(_bytes(one) for one in _STRING.findall(arguments))
    plain = _STRING.sub('""', arguments)
    found = _DESCRIPTOR.findall(plain)
    return Call(
        name=name,
        arguments=_DESCRIPTOR.sub("", plain),
        strings=strings,
        paths=tuple(_bytes(path).decode() for _, path in found),
        descriptors=tuple(int(one) if one.lstrip("-").isdigit() else -1 for one, _ in found),
        result=result,
    )


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
