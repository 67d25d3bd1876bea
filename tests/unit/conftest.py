"""What several packages' unit tests need."""

import pytest


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file and gives its path."""

    def write(text):
        path = tmp_path / "zotplus.yaml"
        path.write_text(text)
        return path

    return write
