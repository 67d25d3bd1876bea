"""The configuration on the page about keys, certificates and limits is one."""

import re
from pathlib import Path

from zotplus.settings import load

PAGE = Path(__file__).parents[3] / "docs/security.md"


def test_every_configuration_on_the_page_is_valid(tmp_path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    settings = []
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
        settings.append(load(tmp_path / f"{number}.yaml", {}))
    operators, protection = settings
    assert [one.name for one in operators.identity.operators] == ["backup", "mirror", "alice", "break-glass"]
    assert protection.protection.is_on
