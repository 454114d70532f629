"""Rewrites the line numbers in docs: every `path.py:LINE` (`symbol`) points to the line where the symbol is defined.

    python tools/refresh_lines.py [--check]

With --check nothing is written and a stale or dangling reference ends in exit status 1.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = re.compile(r"`(?P<path>(?:src|tests|bench)/[\w/]+\.py):(?P<line>\d+)` \(`(?P<symbol>\w+)`\)")


def line_of(path: Path, symbol: str) -> int:
    """Where `symbol` is defined; raises ValueError when it is not."""
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if re.match(rf"\s*(?:def|class) {symbol}\b|{symbol}\b.* = ", text):
            return number
    raise ValueError(f"{path.relative_to(ROOT)} does not define {symbol}")


def refreshed(text: str) -> str:
    """The text with every reference brought up to date."""

    def update(match: re.Match[str]) -> str:
        line = line_of(ROOT / match["path"], match["symbol"])
        return f"`{match['path']}:{line}` (`{match['symbol']}`)"

    return REFERENCE.sub(update, text)


def main() -> int:
    """Refresh, or check, every page."""
    stale = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        new = refreshed(page.read_text())
        if new != page.read_text():
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(new)
    print("stale:" if "--check" in sys.argv else "refreshed:", ", ".join(stale) or "none")
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
