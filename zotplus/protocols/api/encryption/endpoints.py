"""Encryption keys: list, create, rotate, enable, disable; and wrapping the keys of all objects anew."""

from datetime import UTC, datetime

import msgspec

from zotplus.domain import actions, errors
from zotplus.gateway.context import Context
from zotplus.protocols.api.encryption.documents import KmsKeyDocument, KmsKeyList, NewKmsKey, RewrappedDocument
from zotplus.protocols.api.endpoint import Call, Endpoint
from zotplus.services.encryption.kms_keys import KmsKey


async def list_keys(context: Context, _call: Call, _body: None) -> KmsKeyList:
    """Keys without their secrets."""
    return KmsKeyList(keys=tuple([_document(key) for key in await context.services.kms_keys.list()]))


async def create_key(context: Context, _call: Call, body: NewKmsKey) -> KmsKeyDocument:
    """A new key."""
    context.log["kms_key"] = body.id
    return _document(await context.services.kms_keys.create(body.id, body.description))


async def rotate_key(context: Context, call: Call, _body: None) -> KmsKeyDocument:
    """A new version wraps from now on."""
    context.log["kms_key"] = call.path["id"]
    return _document(await context.services.kms_keys.rotate(call.path["id"]))


async def enable_key(context: Context, call: Call, _body: None) -> KmsKeyDocument:
    """The key can be used again."""
    context.log["kms_key"] = call.path["id"]
    return _document(await context.services.kms_keys.enable(call.path["id"], enabled=True))


async def disable_key(context: Context, call: Call, _body: None) -> KmsKeyDocument:
    """Nothing under the key can be read or written until it is enabled."""
    context.log["kms_key"] = call.path["id"]
    return _document(await context.services.kms_keys.enable(call.path["id"], enabled=False))


async def rewrap(context: Context, _call: Call, _body: None) -> RewrappedDocument:
    """Answers when it is done."""
    done = await context.services.rewrapping.run()
    return RewrappedDocument(**msgspec.structs.asdict(done))


def _document(key: KmsKey) -> KmsKeyDocument:
    return KmsKeyDocument(
        id=key.id,
        created=datetime.fromtimestamp(key.created, UTC),
        rotated=datetime.fromtimestamp(key.rotated, UTC),
        versions=key.versions,
        enabled=key.enabled,
        description=key.description,
    )


ENDPOINTS = (
    Endpoint(
        address="GET /kms/keys",
        name="ListEncryptionKeys",
        summary="List the encryption keys of the registry's own ring.",
        work=list_keys,
        action=actions.ADMIN_LIST_ENCRYPTION_KEYS,
        resource="admin:kms",
        gives=KmsKeyList,
    ),
    Endpoint(
        address="POST /kms/keys",
        name="CreateEncryptionKey",
        summary="Create an encryption key.",
        work=create_key,
        action=actions.ADMIN_PUT_ENCRYPTION_KEY,
        resource="admin:kms",
        takes=NewKmsKey,
        gives=KmsKeyDocument,
        status=201,
        faults=(errors.RECORD_EXISTS, errors.REQUEST_INVALID),
    ),
    *(
        Endpoint(
            address=f"POST /kms/keys/{{id}}/{verb}",
            name=f"{verb.capitalize()}EncryptionKey",
            summary=summary,
            work=work,
            action=actions.ADMIN_PUT_ENCRYPTION_KEY,
            resource="admin:kms/{id}",
            gives=KmsKeyDocument,
            faults=(errors.KMS_KEY_NOT_FOUND,),
        )
        for verb, work, summary in (
            ("rotate", rotate_key, "Wrap with a new version of an encryption key from now on."),
            ("enable", enable_key, "Let an encryption key be used again."),
            ("disable", disable_key, "Let an encryption key be used no more: what it wraps cannot be read."),
        )
    ),
    Endpoint(
        address="POST /kms/rewrap",
        name="RewrapKeys",
        summary="Wrap the keys of all objects anew, under the newest versions of their encryption keys.",
        work=rewrap,
        action=actions.ADMIN_PUT_ENCRYPTION_KEY,
        resource="admin:kms",
        gives=RewrappedDocument,
        faults=(errors.KMS_UNAVAILABLE,),
    ),
)
