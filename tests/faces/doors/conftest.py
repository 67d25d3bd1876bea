"""One gateway for all doors."""

import pytest

from tests.faces.doors.stage import Doors


@pytest.fixture
async def doors(tmp_path):
    made = await Doors(tmp_path).prepare()
    yield made
    await made.parts.verifier.close()
