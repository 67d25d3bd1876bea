"""Multipart uploads as a client makes them."""


async def begin(stage, key="big", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await stage.ask("POST", f"/bucket/{key}", query="uploads", headers=named)
    assert answer.status == 200, answer.body
    return answer.text("UploadId")


async def part(stage, upload, number, content, key="big", **options):
    query = f"partNumber={number}&uploadId={upload}"
    return await stage.ask("PUT", f"/bucket/{key}", query=query, body=content, **options)


def document(*parts):
    """The list of ``parts``: number, ETag, and further elements as they are written."""
    lines = "".join(
        f"<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber>{''.join(more)}</Part>"
        for number, etag, *more in parts
    )
    return f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()


async def complete(stage, upload, *parts, key="big", **options):
    return await stage.ask("POST", f"/bucket/{key}", query=f"uploadId={upload}", body=document(*parts), **options)
