"""The reference page of the error catalogue."""

from zotplus.domain.errors import CATALOGUE, Fault, FaultType

HEAD = """# Errors

<!-- Printed from zotplus/domain/errors.py by `make fix`; edit the table there. -->

Every refusal is one row of this catalogue. The code is what `zotplus --json` prints and what the JSON of `/api/v1`
carries as `code`; the S3 and OCI faces answer with the code of their own protocol and the same status. Every answer
names its request id, which finds the matching line in the server's log.

"Retry after" is the number of seconds that the server asks clients to wait (`Retry-After`); where it is missing, the
same request will fail again.
"""

TITLES = {
    FaultType.AUTHENTICATION: "Who is asking",
    FaultType.AUTHORIZATION: "Who may",
    FaultType.VALIDATION: "What was sent",
    FaultType.CONFLICT: "What is there already",
    FaultType.NOT_FOUND: "What is not there",
    FaultType.STORAGE: "Storage and load",
    FaultType.INTEGRITY: "Integrity",
    FaultType.SUPPLY_CHAIN: "Supply chain",
    FaultType.UPSTREAM: "The OCI registry behind",
    FaultType.INTERNAL: "The server itself",
}


def page() -> str:
    """Return the page: one section per type, one entry per fault, in the catalogue's order."""
    sections = [HEAD]
    for kind, title in TITLES.items():
        faults = [fault for fault in CATALOGUE.values() if fault.type is kind]
        if faults:
            sections.append(f"\n## {title}\n\nType `{kind.value}`.\n")
            sections += [_entry(fault) for fault in faults]
    return "".join(sections)


def _entry(fault: Fault) -> str:
    retry = "" if fault.retry_after is None else f" · retry after {fault.retry_after} s"
    return (
        f"\n### `{fault.code}`\n\n"
        f"HTTP {fault.status}{retry}\n\n"
        f"{fault.message}\n\n"
        f"- **Cause:** {fault.cause}\n"
        f"- **Remedy:** {fault.remedy}\n"
    )
