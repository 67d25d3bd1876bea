"""What can go wrong on the client's side, in the same form as the server's catalogue, and the exit codes of both.

These rows never travel: they are printed in ``docs/cli.md`` beside the exit codes.
"""

from zotplus.domain.errors import Fault, FaultType

EXIT_CODES: dict[FaultType, int] = {
    FaultType.INTERNAL: 1,
    FaultType.VALIDATION: 2,  # click's own code for usage errors
    FaultType.AUTHENTICATION: 3,
    FaultType.AUTHORIZATION: 4,
    FaultType.NOT_FOUND: 5,
    FaultType.CONFLICT: 6,
    FaultType.STORAGE: 7,
    FaultType.INTEGRITY: 8,
    FaultType.SUPPLY_CHAIN: 9,
    FaultType.UPSTREAM: 10,
}
"""The process's exit code by the type of the fault; complete, which a test keeps."""

DIFFERENT = 11
"""`zotplus policy diff` found differences: no fault, but what a pipeline asks for."""
NOT_ALLOWED = 12
"""`zotplus can` answered no; told from 4, which says that the question itself was refused."""
INTERRUPTED = 130
"""As shells report a program that SIGINT ended (128 + 2)."""

FAULTS: dict[str, Fault] = {}


def _fault(code: str, kind: FaultType, message: str, cause: str, remedy: str) -> Fault:
    fault = Fault(code=code, status=0, type=kind, message=message, cause=cause, remedy=remedy)
    FAULTS[code] = fault
    return fault


USAGE = _fault(
    "usage",
    FaultType.VALIDATION,
    "The command line cannot be read.",
    "A command, option or argument is unknown, missing or of the wrong form.",
    "Add --help to the command to see what it takes.",
)
ADDRESS_INVALID = _fault(
    "address_invalid",
    FaultType.VALIDATION,
    "The address cannot be read.",
    "Objects are addressed as s3://bucket/key or bucket/key.",
    "Correct the address.",
)
ENDPOINT_INVALID = _fault(
    "endpoint_invalid",
    FaultType.VALIDATION,
    "The endpoint is no address of a server.",
    "An endpoint is http:// or https:// with host, port and path, and without credentials.",
    "Give it like https://registry.example.com.",
)
ENDPOINT_NOT_MAIN = _fault(
    "endpoint_not_main",
    FaultType.VALIDATION,
    "The endpoint is not the main address of the server.",
    "Only a part of the server is found there: the port that serves nothing but S3, or a path below the main port. "
    "Commands need the address below which both /s3 and /api/v1 are.",
    "Give the main port's address (8080 by default), without /s3 or /api/v1.",
)
PROFILE_UNKNOWN = _fault(
    "profile_unknown",
    FaultType.AUTHENTICATION,
    "The profile does not exist.",
    "Nobody has logged in under this name on this machine.",
    "Run `zotplus login URL --profile NAME`.",
)
PROFILES_UNSAFE = _fault(
    "profiles_unsafe",
    FaultType.AUTHENTICATION,
    "The file with the credentials is not safe to use.",
    "It is a link, or others may read it; secrets are neither read from nor written to such a file.",
    "Make it a plain file of yours with mode 600.",
)
PROFILES_MALFORMED = _fault(
    "profiles_malformed",
    FaultType.VALIDATION,
    "The file with the credentials cannot be read.",
    "It is not the document that `zotplus login` writes.",
    "Correct or remove it, and log in again.",
)
LOGIN_NOT_OFFERED = _fault(
    "login_not_offered",
    FaultType.VALIDATION,
    "The server does not offer this way to log in.",
    "The issuers for people, and whether the device flow is among their ways, are settings of the server "
    "(identity.issuers, login).",
    "Choose another issuer or way, or log in with an access key: `zotplus login URL`.",
)
LOGIN_REFUSED = _fault(
    "login_refused",
    FaultType.AUTHENTICATION,
    "The issuer refused the login.",
    "It was cancelled, denied, or not as the issuer wants it; the issuer's own words stand above.",
    "Log in again; if it lasts, the issuer's administrator can tell why.",
)
LOGIN_TIMED_OUT = _fault(
    "login_timed_out",
    FaultType.AUTHENTICATION,
    "Nobody logged in in time.",
    "The page of the issuer was not opened, or left before the end.",
    "Run the command again.",
)
LOGIN_ENDED = _fault(
    "login_ended",
    FaultType.AUTHENTICATION,
    "The login has ended.",
    "The session at the issuer expired or was ended there, or the login was removed on this machine.",
    "Log in again: `zotplus login URL --oidc`.",
)
LOGIN_WITHOUT_TOKEN = _fault(
    "login_without_token",
    FaultType.AUTHENTICATION,
    "There is no login with an issuer.",
    "The command needs a token, and the credentials in use are an access key, a robot token or none.",
    "Log in with `zotplus login URL --oidc`; registries take a key's token: add --registry.",
)
ID_TOKEN_REFUSED = _fault(
    "id_token_refused",
    FaultType.AUTHENTICATION,
    "The issuer's answer does not prove who logged in.",
    "The ID token is not signed by the issuer, was made for another client or login, or is out of date.",
    "Check this machine's clock and the issuer's client; then log in again.",
)
ISSUER_UNSUITABLE = _fault(
    "issuer_unsuitable",
    FaultType.UPSTREAM,
    "The issuer does not answer as OpenID Connect asks.",
    "Its discovery document or an answer is missing, broken or of another issuer, or it offers no PKCE.",
    "Check the issuer's address in the server's settings, and what answers there.",
)
SERVER_UNREACHABLE = _fault(
    "server_unreachable",
    FaultType.UPSTREAM,
    "The server does not answer.",
    "Nothing accepts connections at the endpoint, or its name does not resolve.",
    "Check the address (--endpoint, ZOTPLUS_ENDPOINT or `zotplus login`), and that the server runs and "
    "no firewall is between.",
)
CERTIFICATE_REFUSED = _fault(
    "certificate_refused",
    FaultType.UPSTREAM,
    "The server's certificate is not trusted.",
    "It is signed by an authority that this machine does not know, is for another name, or has expired.",
    "Name the authority's certificate with --ca-file, or correct the endpoint's name.",
)
CONNECTION_BROKEN = _fault(
    "connection_broken",
    FaultType.UPSTREAM,
    "The connection broke.",
    "The server or something between closed it, or no byte came for a minute.",
    "Run the command again: downloads go on where they stopped.",
)
NO_TLS = _fault(
    "no_tls",
    FaultType.UPSTREAM,
    "The server does not speak TLS with this client.",
    "The endpoint begins with https://, and what listens there speaks plain HTTP or another protocol.",
    "Check scheme and port of the endpoint; it may have to begin with http://.",
)
ANSWER_UNEXPECTED = _fault(
    "answer_unexpected",
    FaultType.UPSTREAM,
    "The server gives no answer that zotplus understands.",
    "Another program answers at the endpoint, or a proxy on the way.",
    "Check the endpoint.",
)
FILE_FAILED = _fault(
    "file_failed",
    FaultType.STORAGE,
    "A local file cannot be read or written.",
    "The operating system refuses it.",
    "Check path, rights and free space.",
)
FILE_CHANGED = _fault(
    "file_changed",
    FaultType.CONFLICT,
    "The file changed while it was read.",
    "Another program writes to it.",
    "Try again when it is complete.",
)
DOWNLOAD_DAMAGED = _fault(
    "download_damaged",
    FaultType.INTEGRITY,
    "The downloaded content is not what the server announced.",
    "Size or checksum differ; nothing was put in place and the partial file is removed.",
    "Run the command again; if it lasts, `zotplus scrub` the server.",
)
SOURCE_IS_FOLDER = _fault(
    "source_is_folder",
    FaultType.VALIDATION,
    "The source is a folder.",
    "Only --recursive takes folders and prefixes.",
    "Add --recursive.",
)
ABORTED = _fault("aborted", FaultType.INTERNAL, "Interrupted.", "The command was stopped.", "Run it again.")
