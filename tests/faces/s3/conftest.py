"""A stage with one bucket, for every test of the face."""

import pytest

from tests.faces.s3.stage import Stage
from tests.keyrings.transit import transit

__all__ = ["transit"]


@pytest.fixture
async def empty_stage():
    return await Stage().prepare()


@pytest.fixture
async def stage(empty_stage):
    answer = await empty_stage.ask("PUT", "/bucket")
    assert answer.status == 200, answer.body
    return empty_stage
