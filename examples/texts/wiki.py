"""Links between the pages of a small wiki: what is missing, what nobody refers to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LINK = re.compile(r"\[\[([^\]|]+)(?:\|[^\]]*)?\]\]")


@dataclass
class Page:
    """One page, and the names of those that it refers to."""

    name: str
    text: str
    links: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.links = {match.group(1).strip() for match in LINK.finditer(self.text)}


class Wiki:
    """All the pages in a directory."""

    def __init__(self, root: Path) -> None:
        self.pages: dict[str, Page] = {}
        for path in sorted(root.glob("**/*.txt")):
            name = path.relative_to(root).with_suffix("").as_posix()
            self.pages[name] = Page(name, path.read_text(encoding="utf-8"))

    def __getitem__(self, name: str) -> Page:
        return self.pages[name]

    def missing(self) -> dict[str, list[str]]:
        """Names that no page has, with the pages that refer to them."""
        found: dict[str, list[str]] = defaultdict(list)
        for page in self.pages.values():
            for name in page.links:
                if name not in self.pages:
                    found[name].append(page.name)
        return dict(found)

    def orphans(self) -> Iterator[str]:
        """Pages that no other page refers to."""
        for name in self.pages:
            if not any(name in page.links for page in self.pages.values() if page.name != name):
                yield name

    def reachable(self, start: str) -> set[str]:
        """Pages that a reader gets to from `start` by following links."""
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self.pages:
                continue
            seen.add(name)
            waiting.extend(self.pages[name].links)
        return seen


if __name__ == "__main__":
    wiki = Wiki(Path("pages"))
    for name, pages in wiki.missing().items():
        print(f"{name}: missing, but named by {', '.join(pages)}")
