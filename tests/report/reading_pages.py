"""Reads a page back with the standard library's parser alone."""

from html.parser import HTMLParser

VOID = {"meta", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """Tables by id, all elements with their attributes, and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.tables: dict[str, list[dict[str, tuple[dict[str, str | None], str]]]] = {}
        self.depth: list[str] = []
        self._table = ""
        self._keys: list[str] = []
        self._cell: tuple[dict[str, str | None], list[str]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag not in VOID:
            self.depth.append(tag)
        if tag in ("script", "style"):
            self.raw.append((tag, found, ""))
        elif tag == "table":
            self._table = str(found.get("id", "")).removesuffix("-table")
            self.tables[self._table], self._keys = [], []
        elif tag == "th" and "data-key" in found:
            self._keys.append(str(found["data-key"]))
        elif tag == "tr" and self._keys:
            self.tables[self._table].append({})
        elif tag in ("td", "th") and self._keys:
            self._cell = (found, [])

    def handle_endtag(self, tag: str) -> None:
        assert self.depth, tag
        assert self.depth.pop() == tag
        if tag in ("td", "th") and self._cell is not None:
            row = self.tables[self._table][-1]
            attributes, texts = self._cell
            row[self._keys[len(row)]] = attributes, " ".join("".join(texts).split())
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self.depth and self.depth[-1] in ("script", "style"):
            tag, found, text = self.raw[-1]
            self.raw[-1] = tag, found, text + data
        elif self._cell is not None:
            self._cell[1].append(data)

    def row(self, table: str, name: str) -> dict[str, tuple[dict[str, str | None], str]]:
        """The row whose first cell begins with a name."""
        (found,) = [
            row for row in self.tables[table] if next(iter(row.values()))[0]["data-value"] == name
        ]
        return found

    def number(self, table: str, name: str, key: str) -> float | None:
        value = self.row(table, name)[key][0].get("data-value")
        return None if value is None else float(value)

    def interval(self, table: str, name: str, key: str) -> list[float]:
        attributes = self.row(table, name)[key][0]
        return [float(str(attributes["data-low"])), float(str(attributes["data-high"]))]
