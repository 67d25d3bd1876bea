from pathlib import Path

from tests.contracts.keyvalue import KeyValueContract
from zotplus.adapters.keyvalue_memory import KeyValueMemory


class TestKeyValueMemory(KeyValueContract):
    def new_store(self, folder: Path) -> KeyValueMemory:
        return KeyValueMemory()

    def open_backup(self, folder: Path) -> KeyValueMemory:
        return KeyValueMemory.from_backup(str(folder))
