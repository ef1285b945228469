"""The page as a browser shows it: whole, with pictures, and safe whatever the data are."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import noise, prose

import lmzip
from lmzip.instruments import colouring

pytest.importorskip("matplotlib")
from lmzip.instruments.page import comparison_page, report_page

ATTACK = b"</pre><script>document.title='broken'</script><img src=x onerror=alert(1)>&lt;&#65; "
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NAME = "a <b>name</b> & 'more'"


class Page(HTMLParser):
    """What is in a page: the text of each element of a kind, and all addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)
        self.texts.setdefault(tag, []).append("")
        self.links += [v for k, v in attributes if k in ("src", "href", "xlink:href", "data")]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data


@pytest.fixture(scope="module")
def told() -> lmzip.Report:
    return lmzip.report(prose(1500) + ATTACK + "Füße 漢字 \u202e\n".encode() + prose(500, 2), 1)


def chromium(page: str, place: Path, *options: str) -> str:
    """What headless Chromium makes of a page: its document, scripts having been run."""
    (place / "page.html").write_text(page, encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={place / 'profile'}",
        *options, (place / "page.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    return done.stdout.decode()


def test_nothing_is_fetched_and_nothing_runs(told):
    for html in (report_page(NAME, told), comparison_page({NAME: [told]})):
        page = Page(html)
        assert all(link.startswith("#") for link in page.links)
        assert not {"script", "img", "link", "iframe"} & set(page.texts)
        assert "@import" not in html and not re.search(r"url\((?!#)", html)
        assert NAME in page.texts["body"][0]


def test_the_text_is_shown_as_it_is(told):
    (shown,) = Page(report_page(NAME, told)).texts["pre"]
    assert shown == told.data.decode().replace("\u202e", "\\u{202e}")


def test_pictures_say_what_they_show(told):
    texts = " ".join(Page(report_page(NAME, told)).texts["svg"])
    for word in ("bytes read", "bits per byte", "final loss", "lzma -9e", "transformer", "match"):
        assert word in texts


def test_colours_are_those_of_the_costs():
    told = lmzip.report(prose(2000) + noise(40) + prose(2000), 1)
    html = colouring.coloured(told, 2040, 4040).replace("<b>\n</b>", "\n")
    pieces = re.findall(r"<i class=c(\d)>([^<]*)</i>", html)
    assert "".join(text for _, text in pieces) == told.data[2040:4040].decode()
    costs = told.costs[2040:4040]
    for colour, low, high in ((0, 0, 0.125), (4, 2, 4), (7, 8, 99)):
        counted = sum(len(text) for found, text in pieces if int(found) == colour)
        assert counted == pytest.approx(((costs >= low) & (costs < high)).sum(), abs=40)
    assert len(pieces) < 1500  # neighbours of one colour are one element
    assert "c7>" in colouring.coloured(told, 2000, 2040)


def test_data_that_are_no_text_are_digits():
    data = bytes(range(256)) * 4
    told = lmzip.report(data, 1)
    (shown,) = Page(report_page("binary", told)).texts["pre"]
    rows = [line.split() for line in shown.splitlines()]
    assert [row[0] for row in rows[:3]] == ["0", "32", "64"]
    assert bytes.fromhex("".join("".join(row[1:]) for row in rows)) == data


def test_of_large_data_beginning_and_end_are_shown(monkeypatch):
    monkeypatch.setattr(colouring, "SHOWN", 200)
    text = "äöü€".encode() * 300
    page = Page(report_page("large", lmzip.report(text, 1)))
    first, last = page.texts["pre"]
    assert text.decode().startswith(first) and text.decode().endswith(last)
    assert 90 <= len(first.encode()) <= 100 and 100 <= len(last.encode()) <= 110
    assert "200 of 2,700 bytes are shown" in page.texts["body"][0]


@pytest.mark.parametrize("data", [b"", b"a", noise(200)])
def test_little_or_incompressible_data_have_a_page_too(data):
    page = Page(report_page("few", lmzip.report(data, 1)))
    assert f"{len(data):,} bytes" in page.texts["body"][0]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_in_a_browser(told, tmp_path):
    image = tmp_path / "page.png"
    html = report_page(NAME, told)
    document = chromium(html, tmp_path, "--dump-dom")
    assert Page(document).texts["pre"] == Page(html).texts["pre"]
    assert Page(document).texts["title"][0] == f"{NAME} - lmzip"
    assert "script" not in Page(document).texts
    chromium(html, tmp_path, f"--screenshot={image}", "--window-size=1000,2000")
    picture = pytest.importorskip("PIL.Image").open(image).convert("RGB")
    assert picture.size == (1000, 2000)
    counts = {colour: count for count, colour in picture.getcolors(1 << 20)}
    assert counts[255, 255, 255] > 0.4 * 1000 * 2000
    for colour in (*colouring.COLOURS[1:], "#1f5f8b", "#b9c4cc"):  # of bytes, curve, bars
        assert counts.get(tuple(bytes.fromhex(colour[1:])), 0) > 50, colour


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_page_fits_a_narrow_window(told, tmp_path):
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    page = report_page(NAME, told).replace("</body>", probe + "</body>")
    document = chromium(page, tmp_path, "--dump-dom", "--window-size=500,900")
    assert int(Page(document).texts["title"][0]) <= 500
