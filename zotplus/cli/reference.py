"""The page ``docs/cli.md``: what every ``--help`` says, the exit codes, and the faults of the client's own."""

from collections.abc import Iterator

import click

from zotplus.cli.commands import cli
from zotplus.cli.faults import DIFFERENT, EXIT_CODES, FAULTS, INTERRUPTED, NOT_ALLOWED

HEAD = """# The command line

<!-- Printed from zotplus/cli by `make fix`; edit the commands there. -->

Objects are addressed as `s3://bucket/key` or `bucket/key`; for `zotplus cp` only what begins with `s3://` is on the
server.

Which server, and as whom: an option wins over the environment, and that over what `zotplus login` stored in
`~/.config/zotplus/client.yaml` (below `XDG_CONFIG_HOME` when that is set; mode 600).

| what | option | environment |
|---|---|---|
| address | `--endpoint` | `ZOTPLUS_ENDPOINT` |
| access key or robot | `--access-key` | `ZOTPLUS_ACCESS_KEY` |
| its secret | none: others could see it | `ZOTPLUS_SECRET_KEY` |
| authorities to trust | `--ca-file` | `ZOTPLUS_CA` |
| which login | `--profile` | `ZOTPLUS_PROFILE` |

The secret of a login is only ever sent to that login's own address: another `--endpoint` is asked without credentials,
and a note on standard error says so. Redirects are not followed.

## Logging in

`zotplus login URL` asks for an access key. `zotplus login URL --oidc` logs a person in at an OpenID Connect issuer that
the server trusts, such as Keycloak:

```text
zotplus login https://registry.example.com --oidc               # opens a browser on this machine
zotplus login https://registry.example.com --oidc --no-browser  # prints the address to open on this machine
zotplus login https://registry.example.com --device             # prints an address and a code for any other device
zotplus login https://registry.example.com --issuer staff       # where the server has several issuers
zotplus logout                                                  # revokes the tokens, and removes them
```

Log in only at servers that you trust: as with any password, what they are given opens other servers that take tokens
of the same issuer and audience.

The server's setting `login` of an issuer says which client people use. All commands then go on as that person: the API
is asked with the issuer's access token, S3 with keys that the server gives for it and that end within an hour. Tokens
are renewed behind the commands as long as the session at the issuer lasts; then they end with exit code 3 and ask for a
new login. They are in the folder `tokens` beside `client.yaml` (mode 600), each for its own server alone.

A job or pod logs in with the token that its platform gives it, under a trust (`zotplus trust`). No secret is stored
anywhere:

```text
zotplus login https://registry.example.com --token-file /var/run/secrets/tokens/registry                # Kubernetes
printf %s "$ID_TOKEN" | zotplus login https://registry.example.com --token-file - --trust release      # GitHub, GitLab
```

The token is exchanged for one of the server's own. When that ends, a file is read again, where Kubernetes has put a new
token by then; without a file, or where the trust takes each token once only, the login ends with it.

Other programs log in with the same, and with access keys and robot tokens as well:

- **curl:** `curl -H "Authorization: Bearer $(zotplus token)" https://registry.example.com/api/v1/whoami`. Below `/v2/`
  it takes a token of the server's own: `zotplus token --registry --scope repository:team/app:pull`.
- **docker:** `docker-credential-zotplus` is installed beside `zotplus`. In `~/.docker/config.json`:
  `{"credHelpers": {"registry.example.com": "zotplus"}}`. No `docker login` is needed.
- **podman, skopeo, buildah:** the same line in the auth file (`~/.config/containers/auth.json`, or the one that
  `REGISTRY_AUTH_FILE` names).
- **aws and its SDKs:** in `~/.aws/config`:

  ```ini
  [profile registry]
  credential_process = zotplus credential-process
  endpoint_url = https://registry.example.com/s3
  region = us-east-1
  ```

  and then `aws --profile registry s3 ls`. aws asks again before the keys end.

## Output

Every command prints a table, or JSON with `--json`. Errors go to standard error with cause, remedy and the request id
that finds them in the server's log; with `--json` as one JSON object on a line of its own, and so are notes.
"""


def page() -> str:
    """Return the whole page."""
    sections = [HEAD, _exit_codes(), _faults(), "\n## Commands\n"]
    root = click.Context(
        cli, info_name="zotplus", terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"]
    )
    for context in _contexts(root):
        path = context.command_path
        level = "#" * min(path.count(" ") + 3, 4)
        sections.append(f"\n{level} `{path}`\n\n```text\n{context.get_help().rstrip()}\n```\n")
    return "".join(sections)


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """Every command below ``context``, each as it is invoked."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            found = context.command.get_command(context, name)
            if found is not None:
                yield from _contexts(click.Context(found, info_name=name, parent=context))


def _exit_codes() -> str:
    rows = [f"| {code} | {kind.value.replace('_', ' ')} |" for kind, code in EXIT_CODES.items()]
    table = "\n".join(["| code | what went wrong |", "|---|---|", "| 0 | nothing |", *rows])
    answers = f"| {DIFFERENT} | `policy diff` found differences |\n| {NOT_ALLOWED} | `can` answered no |\n"
    return f"\n## Exit codes\n\n{table}\n{answers}| {INTERRUPTED} | interrupted |\n"


def _faults() -> str:
    rows = [
        f"\n### `{fault.code}`\n\nExit code {EXIT_CODES[fault.type]}. {fault.message}\n\n"
        f"- **Cause:** {fault.cause}\n- **Remedy:** {fault.remedy}\n"
        for fault in FAULTS.values()
    ]
    return "\n## Faults on the client's side\n\nThose of the server are in the reference of errors.\n" + "".join(rows)
