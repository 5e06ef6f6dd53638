"""extxyz files as people have them: elements, cells, encodings, columns, compression."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.data import chemical_symbols
from ase.io.extxyz import key_val_str_to_dict
from hypothesis import given, settings
from hypothesis import strategies as st
from intake import CELL, PROPERTIES, exported, frame, frames, put, read, refused

from hpctrain.data.sources import comments, extxyz_file
from hpctrain.data.sources.extxyz_file import read_extxyz
from hpctrain.data.sources.key_values import parse_comment
from hpctrain.data.sources.selection import make_selection
from hpctrain.data.sources.values import NoNumber, read_word, to_array, to_floats
from hpctrain.data.structures.elements import NUMBERS, SYMBOLS
from hpctrain.errors import HpctrainError

# --- elements ---


def test_the_elements_are_those_of_ase() -> None:
    assert chemical_symbols == SYMBOLS
    assert NUMBERS["Cu"] == 29


@pytest.mark.parametrize(
    ("word", "symbol"),
    [
        ("29", "Cu"), ("Cu1", "Cu"), ("cu", "Cu"), ("CU", "Cu"), ("Cu_pv", "Cu"), ("Cu2+", "Cu"),
        ("O-", "O"), ("D", "H"), ("T", "H"), ("Cu.pbe-spn", "Cu"), ("O12", "O"),
    ],
)  # fmt: skip
def test_an_element_in_another_way_is_read_with_a_note(
    tmp_path: Path, word: str, symbol: str
) -> None:
    result = exported(put(tmp_path, frames(species=(word, "Ag"))))
    assert result.elements == tuple(sorted([symbol, "Ag"]))
    assert result.notes == (
        f"4 rows (1, 2, 3, …): {word} is not an element's symbol: read as {symbol}",
    )


@pytest.mark.parametrize("word", ["Qq", "Cux", "CuO", "Vac", "Bq", "{0}", "119", "-1", "1.0", "é"])
def test_what_is_no_element_is_named_with_its_line(tmp_path: Path, word: str) -> None:
    error = refused(put(tmp_path, frames() + frame(5, species=("Cu", word))))
    assert error.message == f"data.xyz, structure 5, line 20: {word} is not an element"


def test_a_word_in_another_encoding_can_be_printed(tmp_path: Path) -> None:
    text = frames().encode() + frame(5, species=("Cu", "é")).encode("latin-1")
    assert refused(put(tmp_path, text)).message.endswith("line 20: \\udce9 is not an element")


def test_a_place_without_an_atom(tmp_path: Path) -> None:
    said = refused(put(tmp_path, frames() + frame(5, species=("Cu", "X")))).message
    assert "an impossible element (atomic number 0): 1 (row 5)" in said


# --- cells ---


def test_a_left_handed_cell_is_negated(tmp_path: Path) -> None:
    cell = 'Lattice="0.0 4.1 0.0 4.0 0.0 0.5 0.0 0.0 4.2"'
    head = 'energy=-7.5 stress="1 2 3 2 4 5 3 5 6"'
    result = exported(put(tmp_path, frames(3) + frame(3, cell=cell, head=head)))
    atoms = read(result)["4"]
    assert atoms.cell.array.tolist() == [[0, -4.1, 0], [-4, 0, -0.5], [0, 0, -4.2]]
    assert not np.signbit(atoms.cell.array[atoms.cell.array == 0]).any()
    assert atoms.cell.volume > 0
    assert atoms.cell.handedness == 1
    assert atoms.positions.tolist() == [[0, 0.35, 0], [2, 2, 2]]
    assert atoms.get_stress().tolist() == [1, 4, 6, 5, 3, 2]
    assert result.notes[0].startswith("1 row (4): the cell is left-handed")


def test_a_cell_and_its_negative_are_identical(tmp_path: Path) -> None:
    """Ids and duplicates see one lattice."""
    left = CELL.replace("4.0", "-4.0").replace("4.1", "-4.1").replace("4.2", "-4.2")
    text = frames(3) + frame(0, cell=left)
    result = exported(put(tmp_path, text), dedupe="identical")
    assert [one.ids for one in result.skipped] == [("4",)]


def test_a_left_handed_cell_that_is_not_periodic_stays(tmp_path: Path) -> None:
    cell = 'Lattice="0.0 4.1 0.0 4.0 0.0 0.0 0.0 0.0 4.2" pbc="F F F"'
    result = exported(put(tmp_path, frames(cell=cell)))
    assert result.notes == ()
    assert read(result)["1"].cell.array[0].tolist() == [0, 4.1, 0]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('Lattice="4 0 0 0 4 0 0 0"', "line 2: Lattice has 8 numbers, not nine"),
        ("Lattice=4.0", "line 2: Lattice has 1 numbers, not nine"),
        ('Lattice="4 0 0 0 four 0 0 0 4"', "line 2: the number 'four' in Lattice is none"),
        (f'{CELL} pbc="T T"', "line 2: pbc is "),
        (CELL.replace("L", "l"), "line 2: it has lattice, which is written Lattice"),
        (f'{CELL} PBC="F F F"', "line 2: it has PBC, which is written pbc"),
        (f"{CELL} pbc=yes", "line 2: pbc is 'yes', not three of T and F"),
    ],
)
def test_a_cell_that_cannot_be_read(tmp_path: Path, cell: str, said: str) -> None:
    assert said in refused(put(tmp_path, frames(cell=cell))).message


# --- columns ---


def test_a_name_with_colons(tmp_path: Path) -> None:
    text = frames(properties=f"{PROPERTIES}:mtt::aux:R:1:a::b:I:2", more=" 0.5 1 2")
    assert read(exported(put(tmp_path, text)))["1"].get_forces()[0].tolist() == [0.25, -0.5, 0.125]


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ("species:S:1:forces:R:6", "line 2: Properties names no positions (pos:R:3)"),
        ("name:S:1:pos:R:3:forces:R:3", "line 2: Properties names no elements (species:S:1"),
        ("species:S:1:pos:R:3:forces:R:2", "line 3: it has 7 columns, and should have 6"),
        ("species:S:1:pos:R:3:forces:R:4", "line 3: it has 7 columns, and should have 8"),
        ("species:S:1:pos:R:3:forces:Q:3", "the type of forces is Q, not S, R, I or L"),
        ("species:S:1:pos:R:3:forces:R", "'forces:R' is not NAME:TYPE:COLUMNS"),
        ("species:S:1:pos:R:2:forces:R:4", "line 2: Properties names no positions"),
    ],
)
def test_columns_that_do_not_add_up(tmp_path: Path, properties: str, said: str) -> None:
    error = refused(put(tmp_path, frames(properties=properties)))
    assert said in error.message
    assert error.message.startswith("data.xyz, structure 1, ")


def test_a_position_that_is_no_number(tmp_path: Path) -> None:
    text = frames() + frame(5).replace("2.0 2.0 2.0", "2.0 oops 2.0")
    said = "data.xyz, structure 5, line 20: the position 'oops' is not a number"
    assert refused(put(tmp_path, text)).message == said


def test_numbers_of_atoms_that_cannot_be(tmp_path: Path) -> None:
    assert "line 17 says -2 atoms" in refused(put(tmp_path, frames() + "-2\n\n")).message
    assert "line 17 is '2.0', not its number" in refused(put(tmp_path, frames() + "2.0\n")).message
    said = refused(put(tmp_path, frames() + "\n" + frame(5))).message
    assert "line 17 is '', not its number of atoms" in said


def test_plain_xyz_with_more_columns_has_no_labels(tmp_path: Path) -> None:
    text = "1\na word or two\nCu 0 0 0 0.1 0.2 0.3\n" * 3
    assert "no energy: 3" in refused(put(tmp_path, text)).message


# --- encodings and compression ---

TEXT = frames(head="energy=-7.5 config_type=größe")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("Cu ", "Cu\t").replace("0.0 0", "0.0 \t 0").encode(),
        lambda text: (text + "\n \n\n").encode(),
        lambda text: text.removesuffix("\n").encode(),
    ],
)
def test_texts_in_many_ways(tmp_path: Path, change: Callable[[str], bytes]) -> None:
    result = exported(put(tmp_path, change(TEXT)))
    assert result.config_types == {"größe": 4}
    assert result.notes == ()
    assert result.fingerprint == exported(put(tmp_path, TEXT)).fingerprint


def test_latin_1_is_read_with_a_note(tmp_path: Path) -> None:
    result = exported(put(tmp_path, TEXT.encode("latin-1")))
    assert result.config_types == {"größe": 4}
    assert result.notes == ("4 rows (1, 2, 3, …): the second line is not UTF-8: read as Latin-1",)


def test_utf_16_without_its_mark(tmp_path: Path) -> None:
    error = refused(put(tmp_path, TEXT.encode("utf-16-le")))
    assert "data.xyz, line 1 has NUL characters" in error.message
    assert "iconv" in str(error.hint)


@pytest.mark.parametrize(
    ("ending", "press"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
@pytest.mark.parametrize("kind", ["xyz", "extxyz", "XYZ"])
def test_compressed_files(
    tmp_path: Path, ending: str, press: Callable[[bytes], bytes], kind: str
) -> None:
    name = f"data.{kind}.{ending}"
    result = exported(put(tmp_path, press(TEXT.encode()), name))
    assert (result.train.structures, result.test.structures) == (2, 2)
    assert read(result)["1"].info["source"] == name


@pytest.mark.parametrize(
    ("ending", "press"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_compressed_files_that_are_cut_off(
    tmp_path: Path, ending: str, press: Callable[[bytes], bytes]
) -> None:
    name = f"data.xyz.{ending}"
    error = refused(put(tmp_path, press(TEXT.encode())[:-20], name))
    assert f"{name} cannot be read: " in error.message
    assert f"{name} cannot be read: " in refused(put(tmp_path, b"hello", name)).message


# --- the second line, as ASE reads it ---


@pytest.mark.parametrize(
    "line",
    [
        'a=1 b=2.5 c="1 2 3" d=T e=word f="two words" g h=[1,2] i={3 4}',
        "E = 0.5, i =        0, time =      0.25",
        r"""name="a \"quoted\" word" other='it' x=a=b y="=" path=C:\\x""",
        'json="_JSON [[1, 2], [3, 4]]" word="_JSON \\"x\\"" t="T F T"',
        'a="b"c=d  "spaced key"=3 key= value',
        "", "   ",
    ],
)  # fmt: skip
def test_second_lines_are_read_as_ase_does(line: str) -> None:
    ours, theirs = parse_comment(line), key_val_str_to_dict(line) if line.strip() else {}
    assert list(ours) == list(theirs)
    for key, value in ours.items():
        assert np.array_equal(np.asarray(value), np.asarray(theirs[key])), key


WORDS = st.text(st.sampled_from("ab1.=,\"'{}[]\\ -T"), max_size=20)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(line=st.lists(WORDS, max_size=4).map(" ".join))
def test_any_second_line_is_read(line: str) -> None:
    parse_comment(line)


def test_a_file_of_ase_is_read_as_ase_reads_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    text = "".join(
        f'2\nLattice="{" ".join(map(repr, draw.normal(size=9).tolist()))}" '
        f'Properties=species:S:1:pos:R:3:forces:R:3 energy={draw.normal()!r} pbc="T F T" '
        f'stress="{" ".join(map(repr, draw.normal(size=9).tolist()))}"\n'
        + "".join(f"Cu {' '.join(map(repr, draw.normal(size=6).tolist()))}\n" for _ in range(2))
        for _ in range(4)
    )
    ours = read(exported(put(tmp_path, text)))
    for number, theirs in enumerate(ase.io.iread(StringIO(text), ":", format="extxyz"), start=1):
        mine = ours[str(number)]
        assert mine.positions.tobytes() == theirs.positions.tobytes()
        assert mine.pbc.tolist() == theirs.pbc.tolist()
        assert np.abs(mine.cell.array).tobytes() == np.abs(theirs.cell.array).tobytes()
        assert mine.calc.results["energy"] == theirs.calc.results["energy"]
        assert mine.calc.results["stress"].tobytes() == theirs.calc.results["stress"].tobytes()


# --- many frames at once ---


def raws(folder: Path, text: bytes) -> list[Any]:
    """Return all that is read of a file, to the last bit, or why it cannot be read."""
    path = put(folder, text)
    found: list[Any] = []
    try:
        for piece in read_extxyz(path, path.name, make_selection("", path.name), ""):
            for number, raw in piece.raws():
                values = [raw.positions, raw.cell, *raw.results.values(), *raw.arrays.values()]
                bits = [to_array(value).tobytes() for value in values]
                names = [*raw.results, *raw.arrays]
                found.append([number, raw.where, raw.numbers.tolist(), raw.pbc, names, bits,
                              repr(raw.keys), raw.notes])  # fmt: skip
    except (HpctrainError, NoNumber) as error:
        found.append(str(error))
    return found


ALIKE = frames(3, head='energy=-7.5 stress="1 2 3 4 5 6.5" config_type=a generation=1 uid=7')
DIFFERENT = [
    *(frames(2) + frame(2, first=f"{word} 0.5 -0.0") for word in
      ["-0", "1.5D+02", "true", "null", "[1]", "1,2", "nan", "1e999", "1_0", '"1"', "1\t", " 1"]),
    *(frames(2) + frame(2, species=(word, "Cu")) for word in
      ["C", " Cu", "cu", "X", "29", "Cu1", "Uuo", "\tC", "é"]),
    *(frames(2) + frame(2, head=head) for head in
      ["energy=-7", "energy=1_0.5", 'energy="-7.5 "', "uID=3 energy=-7.5", "energy=-7.5 energy=-8",
       "Energy=-7.5", "e.g=1.5 energy='-7.5'", 'energy="-7.5" x=""', "energy=-7,5", ""]),
    *(frames(2) + frame(2, cell=cell) for cell in
      ['Lattice="4 0 0 0 4 0 0 1 4"', 'Lattice="4. 0 0 0 4 0 0 1 4"', 'Lattice="4.0 0 0 0 4"',
       'Lattice="4.0 0 0 0 4 0 0 1 -0"', 'Lattice="4.0,0,0,0,4,0,0,1,4"']),
    frames(2) + frame(2, first="1 2 3", more=" 4") + frames(1),
    frames(3, properties=f"{PROPERTIES}:n:I:1:m:R:2", more=" 1 2 -0.5"),
    frames(3, properties="species:S:1:positions:R:3:forces:R:3"),
    frames(3, properties="species:S:1:pos:R:3:what:S:3"),
    frames(3, properties="pos:R:3:forces:R:3:species:S:1"),
    frames(3)[:-1], frames(3).replace("\n", "\r\n"), frames(2) + "0\n\n" + frame(3), "0\n\n",
]  # fmt: skip


def mutations(text: bytes, count: int) -> Iterator[bytes]:
    draw = random.Random(0)
    letters = b' \n\t=":[]_-+.0123456789eEdDTFnCu,\\\r\xe9'
    for _ in range(count):
        changed = bytearray(text)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(changed))
            changed[place : place + draw.randint(0, 2)] = draw.choices(
                letters, k=draw.randint(0, 2)
            )
        yield bytes(changed)


def test_many_frames_are_read_as_each_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        ALIKE.encode(),
        *(text.encode() for text in DIFFERENT),
        *mutations(ALIKE.encode(), 150),
    ]
    together = [raws(tmp_path, text) for text in texts]
    monkeypatch.setattr(extxyz_file, "read_tables", lambda frames: [None] * len(frames))
    monkeypatch.setattr(
        extxyz_file, "parse_comments", lambda lines: list(map(parse_comment, lines))
    )
    for text, found in zip(texts, together, strict=True):
        assert found == raws(tmp_path, text), text


@pytest.mark.parametrize("change", [str, lambda text: text.replace(" -0.5 ", " \t -0.5  ")])
def test_frames_that_are_alike_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]
) -> None:
    monkeypatch.setattr(extxyz_file, "_split", None)
    monkeypatch.setattr(comments, "parse_comment", None)
    assert len(raws(tmp_path, change(ALIKE).encode())) == 3


# --- numbers ---

NUMBERS_AS_WRITTEN = st.one_of(
    st.floats().map(repr),
    st.floats().map("{:.25e}".format),
    st.decimals().map(str),
    st.integers().map(str),
    st.sampled_from(
        ["-0", "-0.0", "1.", ".5", "+1", "00.5", "1e999", "1E+5", "9007199254740993", "1.5D+02"]
    ),
)


@settings(deadline=None, max_examples=300)
@given(words=st.lists(NUMBERS_AS_WRITTEN, min_size=1))
def test_numbers_are_read_to_the_last_bit(words: list[str]) -> None:
    try:
        wanted = np.array(list(map(read_word, words)))
    except NoNumber as error:
        with pytest.raises(NoNumber) as caught:
            to_floats(words)
        assert caught.value.text == error.text
    else:
        assert to_floats(words).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    "word", ["null", "true", '"1"', "[]", "1,2", "1,", "", "1_0", "-", "1 2", "é", "\udce9", "0x1"]
)
def test_what_json_takes_for_a_value_is_no_number(word: str) -> None:
    with pytest.raises(NoNumber):
        to_floats(["1.5", word, "2.5"])


@pytest.mark.parametrize("first", ["0.5 0.5", "0.5 0.5 0.5 0.5", "0.5 0.5 ;", "0.5 0.5 0.5 ;"])
def test_columns_are_counted_line_by_line(tmp_path: Path, first: str) -> None:
    other = "0.5 0.5 0.5 0.5" if len(first.split()) == 2 else "0.5 0.5"
    text = frames() + frame(5, first=first).replace("-0.25 0.5 -0.125", other)
    count = 4 + len(first.split())
    said = f"data.xyz, structure 5, line 19: it has {count} columns, and should have 7"
    if count == 7:
        said = "data.xyz, structure 5, line 20: it has 6 columns, and should have 7"
    assert refused(put(tmp_path, text)).message == said
