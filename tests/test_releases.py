"""Releases: files of folders and zips are found, read up to a size, and never from outside."""

from __future__ import annotations

import codecs
import os
import stat
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pytest_vsc.errors import ReleaseError
from pytest_vsc.findings import Findings
from pytest_vsc.releases import BOMB_SIZE, File, Release, clean_path
from tests.miniatures import png, write_files, zipped


def found(findings: Findings) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.kind, one.name, one.where) for one in findings]


def zip_of(file: Path, members: Sequence[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, data in members:
            opened.writestr(name, data)
    return file


def path_of(file: File | None) -> str | None:
    return file.path if file else None


# --- places ---


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_a_folder_and_its_zip_are_read_alike(tmp_path: Path, pack: Callable[[Path], Path]) -> None:
    folder = write_files(tmp_path / "release", {"data/a.json": "[1]", "data/pictures/1.png": png("red")})
    with Release([pack(folder)]) as release:
        file = release.find("data/a.json")
        assert file is not None
        assert (file.name, file.size, release.json(file)) == ("a.json", 3, [1])
        assert [one.name for one in release.below("data/pictures")] == ["1.png"]
        assert [one.name for one in release.below("", ".json")] == ["a.json"]
        assert found(release.findings) == []


def test_later_places_fill_in_what_earlier_ones_lack(tmp_path: Path) -> None:
    one = write_files(tmp_path / "one", {"a.txt": "first"})
    other = write_files(tmp_path / "other", {"a.txt": "second", "b.txt": "only"})
    with Release([one, other]) as release:
        said = {file.path: release.text(file) for file in release.below("")}
    assert said == {"a.txt": "first", "b.txt": "only"}


def test_a_place_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.zip").write_bytes(b"PK\3\4 and no more")
    (tmp_path / "notes.txt").write_text("words")
    for name, what in {
        "empty": "holds no file; expected a release's folder or its zip file",
        "none": "no such folder or file",
        "torn.zip": "neither a folder nor a zip file",
        "notes.txt": "neither a folder nor a zip file",
    }.items():
        with pytest.raises(ReleaseError, match=what):
            Release([tmp_path / name])


def test_what_systems_leave_beside_files_is_not_seen(tmp_path: Path) -> None:
    names = ["__MACOSX/a.txt", ".git/config", "data/.DS_Store", "data/._a.txt", "data/a.txt"]
    folder = write_files(tmp_path / "release", dict.fromkeys(names, "x"))
    with Release([folder]) as release:
        assert [file.path for file in release.below("")] == ["data/a.txt"]


def test_a_table_stands_for_its_folder(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "mine", {"cases.csv": "id\n1\n", "1.png": png("red")})
    with Release([folder / "cases.csv"]) as release:
        assert release.tables == ["cases.csv"]
        assert [file.path for file in release.below("")] == ["1.png", "cases.csv"]


# --- links, paths, bombs ---


def test_a_link_inside_is_followed_and_one_outside_is_not(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "release", {"real.txt": "inside"})
    write_files(tmp_path, {"secret.txt": "outside", "elsewhere/b.txt": "outside"})
    (folder / "inside.txt").symlink_to("real.txt")
    (folder / "outside.txt").symlink_to("../secret.txt")
    (folder / "gone.txt").symlink_to("nothing.txt")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "linked").symlink_to("../elsewhere")
    with Release([folder]) as release:
        said = {file.path: release.text(file) for file in release.below("")}
        assert said == {"inside.txt": "inside", "real.txt": "inside"}
        assert found(release.findings) == [
            ("noted", "link-outside", ("outside.txt",)),
            ("noted", "linked-folder", ("linked",)),
        ]


def test_a_hubs_cache_is_a_release_though_its_files_are_links(tmp_path: Path) -> None:
    write_files(tmp_path / "hub", {"blobs/0123": "said", "snapshots/main/.keep": ""})
    (tmp_path / "hub/snapshots/main/a.txt").symlink_to("../../blobs/0123")
    with Release([tmp_path / "hub/snapshots/main"]) as release:
        file = release.find("a.txt")
        assert file is not None
        assert release.text(file) == "said"


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "release", {"a.txt": "x"})
    os.mkfifo(folder / "pipe.txt")
    with Release([folder]) as release:
        assert [file.path for file in release.below("")] == ["a.txt"]


def test_members_that_lead_outside_a_zip_are_never_read(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    names = ["../up.txt", "/root.txt", "C:\\drive.txt", "a/../../b.txt"]
    place = zip_of(tmp_path / "a.zip", [*((name, b"x") for name in names), (link, b"/etc/hosts"), ("fine.txt", b"x")])
    with Release([place]) as release:
        assert [file.path for file in release.below("")] == ["fine.txt"]
        outside = ("../up.txt", "/root.txt", "C:\\drive.txt", "a/../../b.txt")
        assert found(release.findings) == [
            ("noted", "zip-link", ("link.txt",)),
            ("noted", "zip-path-outside", outside),
        ]


def test_a_bomb_is_never_unpacked(tmp_path: Path) -> None:
    place = zip_of(tmp_path / "a.zip", [("zeros.json", bytes(BOMB_SIZE + 1)), ("a.json", b"[]")])
    with Release([place]) as release:
        assert path_of(release.find("zeros.json")) is None
        assert found(release.findings) == [("refused", "zip-bomb", (f"zeros.json ({BOMB_SIZE + 1:,} bytes)",))]


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "release", {"a.txt": "12345"})
    with Release([folder]) as release:
        file = release.below("")[0]
        assert release.read(file, most=5) == b"12345"
        with pytest.raises(ReleaseError, match=r"^a\.txt: 5 bytes; expected at most 4$"):
            release.read(file, most=4)


def test_a_damaged_or_locked_member_is_an_error_and_no_bytes(tmp_path: Path) -> None:
    place = zip_of(tmp_path / "a.zip", [("a.txt", b"abcdefgh" * 100)])
    data = bytearray(place.read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"  # in the packed bytes of the member
    place.write_bytes(data)
    with Release([place]) as release, pytest.raises(ReleaseError, match=r"^a\.txt: cannot be "):
        release.read(release.below("")[0])


def test_a_file_that_went_away_is_an_error(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "release", {"a.txt": "x"})
    with Release([folder]) as release:
        (folder / "a.txt").unlink()
        with pytest.raises(ReleaseError, match=r"^a\.txt: cannot be read"):
            release.read(release.below("")[0])


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a/b.png", "a/b.png"),
        ("./a//b.png", "a/b.png"),
        ("a\\b.png", "a/b.png"),
        (" a.png ", "a.png"),
        ("../a.png", None),
        ("a/../../b.png", None),
        ("..\\a.png", None),
        ("/etc/passwd", None),
        ("C:\\a.png", None),
        ("\\\\server\\share\\a.png", None),
        ("a\0.png", None),
        ("", None),
        (".", None),
    ],
)
def test_a_path_is_cleaned_or_refused(name: str, clean: str | None) -> None:
    assert clean_path(name) == clean


# --- finding ---


def test_of_two_files_of_one_name_equal_ones_are_one_and_others_none(tmp_path: Path) -> None:
    files = {"x/a.txt": "same", "y/a.txt": "same", "x/b.txt": "one", "y/b.txt": "two", "b.json": "", "c/b.json": "1"}
    with Release([write_files(tmp_path / "release", files)]) as release:
        assert path_of(release.find("a.txt")) == "x/a.txt"
        assert path_of(release.find("b.txt")) is None
        assert path_of(release.find("y/b.txt")) == "y/b.txt"
        assert path_of(release.find("b.json")) == "b.json"  # its very path
        assert path_of(release.find("nothing.txt", "x/b.txt")) == "x/b.txt"
        assert found(release.findings) == [
            ("noted", "file-twice", ("a.txt",)),
            ("refused", "ambiguous-file", ("b.txt",)),
        ]


def test_a_path_that_a_zip_has_twice_is_told(tmp_path: Path) -> None:
    place = zip_of(tmp_path / "a.zip", [("a.txt", b"1"), ("a.txt", b"2"), ("b.txt", b"1"), ("./b.txt", b"1")])
    with Release([place]) as release:
        assert [release.read(file) for file in release.below("")] == [b"1", b"1"]
        assert found(release.findings) == [
            ("noted", "file-twice", ("b.txt",)),
            ("refused", "zip-member-twice", ("a.txt",)),
        ]


def test_a_picture_is_found_by_a_name_that_differs_in_case_or_ending_only(tmp_path: Path) -> None:
    files = {"images/One.PNG": png("red"), "images/two.webp": png("red"), "images/3.jpg": b"", "images/3.gif": b""}
    with Release([write_files(tmp_path / "release", files)]) as release:
        assert path_of(release.find_picture("images/one.png")) == "images/One.PNG"
        assert path_of(release.find_picture("nowhere/two.png", "images/two.png")) == "images/two.webp"
        assert path_of(release.find_picture("images/3.png")) is None  # two could be meant
        assert path_of(release.find_picture("other/two.png")) is None
        assert found(release.findings) == [
            ("repaired", "name-case", ("images/one.png",)),
            ("repaired", "other-ending", ("images/two.png",)),
        ]


# --- text and JSON ---


@pytest.mark.parametrize(
    ("data", "said", "finding"),
    [
        ("é\n".encode(), "é\n", None),
        (codecs.BOM_UTF8 + "é".encode(), "é", "byte-order-mark"),
        ("é".encode("utf-16"), "é", "byte-order-mark"),
        (codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "é", "byte-order-mark"),
        ("a\nna\u00efve \u2019".encode("cp1252"), "a\nna\u00efve \u2019", "not-utf-8"),
    ],
)
def test_text_is_read_by_its_mark_or_else_as_utf_8_or_latin_1(
    tmp_path: Path, data: bytes, said: str, finding: str | None
) -> None:
    with Release([write_files(tmp_path / "release", {"a.txt": data})]) as release:
        assert release.text(release.below("")[0]) == said
        assert [one.name for one in release.findings] == ([finding] if finding else [])


def test_text_that_its_mark_belies_is_an_error(tmp_path: Path) -> None:
    files = {"a.txt": codecs.BOM_UTF8 + b"\xff"}
    folder = write_files(tmp_path / "release", files)
    with Release([folder]) as release, pytest.raises(ReleaseError, match=r"^a\.txt: not utf-8-sig text at byte \d$"):
        release.text(release.below("")[0])


@pytest.mark.parametrize("text", ['{"a": [1', "", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_not_json_is_an_error(tmp_path: Path, text: str) -> None:
    folder = write_files(tmp_path / "release", {"a.json": text})
    with Release([folder]) as release, pytest.raises(ReleaseError, match=r"^a\.json: not JSON: "):
        release.json(release.below("")[0])


def test_a_key_that_is_there_twice_is_never_chosen_in_silence(tmp_path: Path) -> None:
    text = '{"1": {"q": "a"}, "1": {"q": "b"}, "2": {"q": "c", "q": "c"}}'
    with Release([write_files(tmp_path / "release", {"a.json": text})]) as release:
        assert release.json(release.below("")[0]) == {"1": {"q": "a"}, "2": {"q": "c"}}
        assert found(release.findings) == [("refused", "key-twice", ("a.json: 1",))]


def test_an_earlier_import_beside_the_release_is_not_read(tmp_path: Path) -> None:
    """`vsc import vscbench . --out suite`, twice: the first one's pictures are not the release's."""
    folder = write_files(tmp_path / "r", {"suite/import.json": "{}", "suite/suite.toml": "", "suite/images/a.png": "x"})
    write_files(folder, {"other/import.json": "{}", "other/a.png": "y"})
    with Release([folder]) as release:
        found = release.find("a.png")
        assert found is not None
        assert found.path == "other/a.png"
        assert [(one.kind, one.name, one.where) for one in release.findings] == [
            ("noted", "earlier-import", ("suite",))
        ]


@pytest.mark.parametrize("packed", [False, True])
def test_accents_are_the_same_however_they_are_written(tmp_path: Path, packed: bool) -> None:
    """Some systems write file names with letter and accent apart."""
    folder = write_files(tmp_path / "r", {f"images/{unicodedata.normalize('NFD', 'café')}.png": "x", "b.png": "y"})
    with Release([zipped(folder) if packed else folder]) as release:
        assert release.find(unicodedata.normalize("NFC", "images/café.png")) is not None


def test_a_place_of_which_nothing_may_be_read_says_why(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "r.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.csv", b"0" * (2 * BOMB_SIZE))
    with pytest.raises(ReleaseError) as caught:
        Release([tmp_path / "r.zip"])
    assert str(caught.value).endswith(f"; zip-bomb: a.csv ({2 * BOMB_SIZE:,} bytes)")
