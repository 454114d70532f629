"""What a long evaluation has measured so far, one JSON line per piece of work, so that it can go on after a stop."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemweave.audio.files import scratch_name
from stemweave.errors import DataError, OutputError

Record = dict[str, Any]


class Journal:
    """Records by key in a file beside the report; the first line says what is measured, and on what.

    Opening one that belongs to another run, or is damaged, raises :class:`DataError`; a last line that was cut off is
    measured again. Raises :class:`OutputError` where it cannot be written.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path, self.records = path, dict[str, Record]()
        head = json.dumps(about, sort_keys=True)
        lines = self._lines()
        if lines and lines[0] != head:
            raise DataError(f"{path} holds another run's results; finish that one, or remove the file to start again")
        try:
            self.records |= {record["key"]: record["value"] for record in map(json.loads, lines[1:])}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error!r}): remove the file to start again") from error
        kept = [head, *(json.dumps({"key": key, "value": value}) for key, value in self.records.items())]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_name(scratch_name(path.name))
            scratch.write_text("\n".join(kept) + "\n", encoding="utf-8")
            scratch.replace(path)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error

    def _lines(self) -> list[str]:
        """The whole lines; one without its end was cut off."""
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else ""
        return text.split("\n")[:-1]

    def __contains__(self, key: str) -> bool:
        return key in self.records

    def __getitem__(self, key: str) -> Record:
        return self.records[key]

    def add(self, key: str, value: Record) -> None:
        """Keep one record, on disk at once."""
        self.records[key] = value
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "value": value}) + "\n")
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """The report is written: the journal has done its work."""
        self.path.unlink(missing_ok=True)
