"""The last words of real failed trainings, and of other endings."""

from __future__ import annotations

import pytest
from paths import RECORDED

from hpctrain.job.pacemaker.last_words import last_words

OF_PACEMAKER = RECORDED / "pacemaker"
CRASHES = {
    "no_backend": ("`backend:`", "AttributeError: 'Namespace' object has no attribute"),
    "extxyz_filename": ("does not read extxyz", "_pickle.UnpicklingError: could not find MARK"),
    "energy_nan": ("has no energy, or NaN", "AssertionError: energy_corrected contains NaNs"),
    "tensorpot_numpy24": ('"numpy<2.4"', "TypeError: only 0-dimensional arrays"),
    "tensorpot_no_tf": ("has no tensorflow", "ModuleNotFoundError: No module named 'tensorflow'"),
    "no_forces": ("no column forces", "ValueError: Column `forces` not found in dataset"),
    "unknown_element_pyace": ("the element Al,", "KeyError: np.bytes_(b'Al')"),
    "issue86": ("interim_potential_0.yaml", "pyace.generalfit.TestLossChangeTooSmallException: "),
}


def crash(name: str) -> str:
    return (OF_PACEMAKER / f"crash_{name}" / "out.txt").read_text()


@pytest.mark.parametrize("name", CRASHES)
def test_known_crashes_are_explained(name: str) -> None:
    sentence, exception = CRASHES[name]
    first, *above, last = last_words(crash(name)).splitlines()
    assert sentence in first
    assert last.startswith(exception)
    assert any(line.lstrip().startswith('File "') for line in above)
    assert len(above) == 2
    assert not any("^^" in line for line in above)


@pytest.mark.parametrize("name", CRASHES)
def test_a_tail_without_the_word_traceback_is_enough(name: str) -> None:
    tail = crash(name).partition("Traceback (most recent call last):\n")[2]
    assert last_words(tail) == last_words(crash(name))


def test_every_crash_recorded_is_tried() -> None:
    assert {f"crash_{name}" for name in CRASHES} == {p.name for p in OF_PACEMAKER.glob("crash_*")}


@pytest.mark.parametrize("printed", ["b'Al'", "'Al'", "np.bytes_(b'Al')", "np.str_('Al')"])
def test_the_element_is_named_however_it_is_printed(printed: str) -> None:
    text = crash("unknown_element_pyace").replace("np.bytes_(b'Al')", printed)
    assert "the element Al, which" in last_words(text)


def test_an_unknown_exception_is_shown_as_it_is() -> None:
    text = 'noise\nTraceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\n'
    text += "ValueError: odd {braces}\nsrun: error: node1: task 0: Exited with exit code 1\n"
    assert last_words(text, 2) == '  File "a.py", line 1, in f\n    g()\nValueError: odd {braces}'


def test_a_key_error_elsewhere_is_no_unknown_element() -> None:
    frame = '  File "a.py", line 1, in f\n    d[k]\n'
    text = f"Traceback (most recent call last):\n{frame}KeyError: 'Al'"
    assert "potential" not in last_words(text)


def test_the_last_traceback_counts() -> None:
    text = crash("no_forces") + "During handling of the above exception:\n\n" + crash("energy_nan")
    assert last_words(text) == last_words(crash("energy_nan"))


def test_without_a_traceback_the_last_lines() -> None:
    assert last_words("one\n\ntwo\nthree\nKilled\n", 2) == "three\nKilled"
    assert last_words("") == ""
