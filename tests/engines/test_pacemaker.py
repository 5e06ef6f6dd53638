"""Settings and facts of the data to Pacemaker's input, as it is rendered and read back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hpctrain.engines.pacemaker.input import (
    TEMPLATE,
    force_share,
    input_mapping,
    optimizer,
    parameters,
    share_notes,
    template_values,
)
from hpctrain.engines.pacemaker.settings import Evaluator, PacemakerTraining
from hpctrain.engines.reference_energies import reference_energies, reference_warning
from hpctrain.errors import HpctrainError
from hpctrain.render import render


def mapping_of(
    elements: tuple[str, ...] = ("Al",),
    energies: dict[str, float] | str = "auto",
    evaluator: Evaluator = "tensorpot",
    **training: Any,
) -> dict[str, Any]:
    return input_mapping(PacemakerTraining(**training), evaluator, elements, energies)


def text_of(mapping: dict[str, Any], **training: Any) -> str:
    values = template_values(mapping, PacemakerTraining(**training))
    return render(TEMPLATE, {"version": "0", "run_id": "r", **values})


def rendered(
    elements: tuple[str, ...] = ("Al",), energies: dict[str, float] | str = "auto", **training: Any
) -> Any:
    """The input as Pacemaker reads it."""
    return yaml.safe_load(text_of(mapping_of(elements, energies, **training), **training))


def refused(elements: tuple[str, ...] = ("Al", "Cu"), **training: Any) -> list[str]:
    with pytest.raises(HpctrainError) as caught:
        mapping_of(elements, **training)
    first, *faults = caught.value.message.splitlines()
    assert first == "Pacemaker would not train properly on these settings:"
    return faults


def test_the_cutoff_is_that_of_every_bond() -> None:
    found = rendered(cutoff=4.5)
    assert found["cutoff"] == 4.5
    assert {bond["rcut"] for bond in found["potential"]["bonds"].values()} == {4.5}
    assert "\ncutoff: 4.5\n" in text_of(mapping_of(cutoff=4.5))


def test_the_share_of_the_forces_as_it_is_given() -> None:
    assert rendered()["fit"]["loss"]["kappa"] == 0.5
    assert rendered(force_share=0.3)["fit"]["loss"]["kappa"] == 0.3


def test_kappa_alone_is_not_pacemakers() -> None:
    (said,) = share_notes(PacemakerTraining(kappa=0.3))
    assert "κ = 0.990099" in said
    assert "if Pacemaker's κ = 0.3 is meant, write force_share: 0.3 instead" in said
    assert "kappa_f: 30 too" in said
    assert "meant" not in share_notes(PacemakerTraining(kappa=2))[0]
    for quiet in ({}, {"kappa": 1, "kappa_f": 100}, {"kappa_f": 1}, {"force_share": 0.3}):
        assert share_notes(PacemakerTraining(**quiet)) == []
    # As with --set, in a project that has the share in its file.
    both = PacemakerTraining(force_share=0.5, kappa=1, kappa_f=100)
    assert force_share(both) == 100 / 101
    (said,) = share_notes(both)
    assert said.startswith("training.force_share: 0.5 is not used")


def test_weights_one_to_a_hundred() -> None:
    found = rendered(kappa=1, kappa_f=100)
    assert found["fit"]["loss"]["kappa"] == 100 / 101
    text = text_of(mapping_of(kappa=1, kappa_f=100), kappa=1, kappa_f=100)
    assert "# The weights 1 (energies) and 100 (forces) give 100 / (1 + 100).\n" in text


@pytest.mark.parametrize(
    ("kappa", "kappa_f", "share"),
    [(1, 100, "100/101"), (1, None, "100/101"), (0.3, None, "100/101"), (1, 1, "1/2"),
     (2, 6, "3/4"),
     (0, 1, "1"), (1, 0, "0"), (0.5, 1.5, "3/4")],
)  # fmt: skip
def test_the_share_of_the_forces(kappa: float, kappa_f: float | None, share: str) -> None:
    found = rendered(kappa=kappa, kappa_f=kappa_f)["fit"]["loss"]["kappa"]
    assert found == pytest.approx(float(Fraction(share)), abs=1e-15)


@pytest.mark.parametrize("kappa_f", [0, None])
def test_no_weights(kappa_f: float | None) -> None:
    with pytest.raises(HpctrainError, match=r"kappa and training\.kappa_f are both 0"):
        mapping_of(kappa=0, kappa_f=kappa_f)


def test_the_comment_explains_only_what_stands_there() -> None:
    override = {"fit": {"loss": {"kappa": 0.3}}}
    assert "The weights" not in text_of(mapping_of(overrides=override))
    assert "The weights" not in text_of(mapping_of(force_share=0.2), force_share=0.2)
    assert "The weights" in text_of(mapping_of(kappa_f=2), kappa_f=2)


def test_settings_arrive_where_pacemaker_reads_them() -> None:
    found = rendered(
        ("Al", "Cu"), {"Al": -0.3, "Cu": 1e-8}, b_basis_size=77, max_iter=12, batch_size=5,
        display_step=3, seed=9,
    )  # fmt: skip
    assert found["seed"] == 9
    potential = found["potential"]
    assert potential["elements"] == ["Al", "Cu"]
    assert potential["functions"]["number_of_functions_per_element"] == 77
    for shape in ("UNARY", "BINARY", "TERNARY", "ALL"):
        orders = potential["functions"][shape]
        assert len(orders["nradmax_by_orders"]) == len(orders["lmax_by_orders"])
    assert found["data"] == {
        "filename": "train.pckl.gzip",
        "test_filename": "test.pckl.gzip",
        "reference_energy": {"Al": -0.3, "Cu": 1e-8},
    }
    assert (found["fit"]["optimizer"], found["fit"]["maxiter"]) == ("BFGS", 12)
    assert found["fit"]["repulsion"] == "auto"
    assert "options" not in found["fit"]
    assert found["backend"] == {"evaluator": "tensorpot", "display_step": 3, "batch_size": 5}


def test_pyace_has_no_batches() -> None:
    assert mapping_of(evaluator="pyace")["backend"] == {"evaluator": "pyace", "display_step": 10}


def test_options_of_the_optimizer_repeat_what_giving_them_would_drop() -> None:
    found = rendered(optimizer="L-BFGS-B")
    assert found["fit"]["options"] == {"maxcor": 100, "gtol": 1e-8}
    found = rendered(optimizer="L-BFGS-B", overrides={"fit": {"options": {"maxcor": 5}}})
    assert found["fit"]["options"] == {"maxcor": 5, "gtol": 1e-8}


def test_overrides_come_last_key_by_key() -> None:
    before = rendered()
    found = rendered(
        overrides={
            "fit": {"ladder_step": [10, 0.1], "loss": {"L2_coeffs": 1e-6}, "maxiter": 7},
            "potential": {"functions": {"UNARY": {"lmax_by_orders": [0]}}, "deltaSplineBins": 0.01},
            "backend": {"gpu_config": {"mem_limit": 0}},
            "cutoff": 6.0,
        }
    )
    assert found["fit"]["ladder_step"] == [10, 0.1]
    assert found["fit"]["maxiter"] == 7
    assert found["fit"]["loss"] == {**before["fit"]["loss"], "L2_coeffs": 1e-6}
    unary = before["potential"]["functions"]["UNARY"]
    assert found["potential"]["functions"]["UNARY"] == {**unary, "lmax_by_orders": [0]}
    assert found["potential"]["functions"]["ALL"] == before["potential"]["functions"]["ALL"]
    assert found["potential"]["deltaSplineBins"] == 0.01
    assert found["backend"] == {**before["backend"], "gpu_config": {"mem_limit": 0}}
    assert rendered() == before  # nothing was changed for the next one


# --- what Pacemaker would train wrongly on ---

FAULTS: list[tuple[dict[str, Any], str]] = [
    *(
        ({section: value}, f"  {section}: must be there, and hold keys and values")
        for section in ("potential", "data", "fit", "backend")
        for value in (None, "x", [1])
    ),
    ({"potential": {"elements": ["Al"]}}, "  potential.elements lacks Cu, which the data hold: "
     "tensorpot would train wrongly on it without an error"),
    ({"potential": {"elements": "AlCu"}}, "  potential.elements lacks Al, Cu, which the data hold: "
     "tensorpot would train wrongly on it without an error"),
    ({"backend": {"evaluator": "recursive"}}, "  backend.evaluator is 'recursive', but the data "
     "and the job are made for tensorpot: set training.evaluator instead"),
    ({"backend": {"evaluator": "pyace"}}, "  backend.evaluator is 'pyace', but the data and "
     "the job are made for tensorpot: set training.evaluator instead"),
    ({"data": {"filename": "mine.pckl.gzip"}},
     "  data.filename must stay train.pckl.gzip: the job makes that file"),
    ({"data": {"test_filename": None}},
     "  data.test_filename must stay test.pckl.gzip: the job makes that file"),
    ({"data": {"test_size": 0.1}}, "  data.test_size would train on other data than were exported"),
    ({"data": {"datapath": "/x"}}, "  data.datapath would train on other data than were exported"),
    ({"data": {"reference_energy": None}},
     "  data.reference_energy must be there: the data hold total energies"),
    *(
        ({"potential": {"bonds": bonds}}, "  potential.bonds: every bond needs an rcut, a number")
        for bonds in (None, "x", [], {"ALL": None}, {"AlAl": {"dcut": 1}}, {"ALL": {"rcut": "6"}},
                      {"ALL": {"rcut": True}})
    ),
    ({"cutoff": 5.0}, "  cutoff is 5.0 but the largest rcut is 6: 0.2.7 reads the one, 0.4.0 the "
     "other; set training.cutoff, or both"),
    ({"cutoff": None}, "  cutoff is None but the largest rcut is 6: 0.2.7 reads the one, 0.4.0 the "
     "other; set training.cutoff, or both"),
    ({"potential": {"bonds": {"AlCu": {"rcut": 7.5}}}}, "  cutoff is 6.0 but the largest rcut is "
     "7.5: 0.2.7 reads the one, 0.4.0 the other; set training.cutoff, or both"),
    *(
        ({"fit": {"loss": {"kappa": kappa}}},
         f"  fit.loss.kappa is {kappa!r}: the share of the forces, 0 to 1, or auto")
        for kappa in (1.5, -0.1, 100, None, "much", float("nan"), True)
    ),
    *(
        ({"fit": {"loss": loss}}, "  fit.loss: must be there, and hold keys and values")
        for loss in (None, 3, "x")
    ),
    ({"fit": {"options": {"maxcor": 3}}},
     "  fit.options without gtol drops tensorpot's own (1e-8): repeat it there"),
    ({"fit": {"min_relative_test_loss_per_iter": 1e-5}},
     "  fit.min_relative_test_loss_per_iter can end the job without a result "
     "(ICAMS/python-ace#86): use training.patience instead"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "said"), FAULTS)
def test_faults(overrides: dict[str, Any], said: str) -> None:
    assert refused(overrides=overrides) == [said]


def test_every_fault_is_told_at_once() -> None:
    faults = refused(
        overrides={"cutoff": 1, "data": {"test_size": 1, "datapath": "x"}, "fit": {"options": {}}}
    )
    assert len(faults) == 4


@pytest.mark.parametrize(
    "overrides",
    [
        {"fit": {"loss": {"kappa": "auto"}}}, {"fit": {"loss": {"kappa": 0}}},
        {"potential": {"bonds": {"AlCu": {"rcut": 5.0}}}}, {"fit": {"options": {"gtol": 1e-5}}},
        {"potential": {"elements": ["Al", "Cu", "Ni"]}}, {"backend": {"evaluator": "tensorpot"}},
    ],
)  # fmt: skip
def test_what_is_no_fault(overrides: dict[str, Any]) -> None:
    assert mapping_of(("Al", "Cu"), overrides=overrides)


# --- energies of free atoms ---


def energies(
    wanted: Any, isolated: dict[str, list[float]], elements: tuple[str, ...] = ("Al", "Cu")
) -> dict[str, float] | str:
    return reference_energies(PacemakerTraining(reference_energies=wanted), elements, isolated)


def energies_refused(wanted: Any, isolated: dict[str, list[float]]) -> HpctrainError:
    with pytest.raises(HpctrainError) as caught:
        energies(wanted, isolated)
    return caught.value


def test_reference_energies() -> None:
    isolated = {"Cu": [-0.2, -0.2005], "Al": [-0.3]}
    assert energies("isolated_atoms", isolated) == {"Al": -0.3, "Cu": -0.2}
    assert list(energies("isolated_atoms", isolated)) == ["Al", "Cu"]
    assert energies("isolated_atoms", isolated, ("Al",)) == {"Al": -0.3}
    assert energies("auto", isolated) == "auto"
    assert energies("auto", {}) == "auto"
    assert energies({"Cu": 1.0, "Al": 2.0}, isolated) == {"Al": 2.0, "Cu": 1.0}


def test_isolated_atoms_with_different_energies() -> None:
    error = energies_refused("isolated_atoms", {"Al": [-0.3, -0.1, -0.2], "Cu": [0.0]})
    assert error.message == (
        "the data hold 3 isolated atoms of Al with different energies (-0.3000 to -0.1000 eV)"
    )
    assert "{Al: …}" in (error.hint or "")
    assert energies("isolated_atoms", {"Al": [-0.3, -0.3009], "Cu": [0.0]})


def test_an_element_without_an_isolated_atom() -> None:
    error = energies_refused("isolated_atoms", {"Al": [-0.3]})
    assert "no isolated atom of Cu" in error.message
    assert "{Cu: …}" in (error.hint or "")
    assert "reference_energies: auto" in (error.hint or "")


def test_given_energies_that_do_not_fit_the_data() -> None:
    assert energies_refused({"Al": 1}, {}).message == (
        "training.reference_energies has no energy for Cu"
    )
    assert energies_refused({"Al": 1, "Cu": 1, "CU": 1, "Ni": 2}, {}).message == (
        "training.reference_energies names CU, Ni, which the data do not hold"
    )


# --- the render says what was meant ---

ODD: list[dict[str, Any]] = [
    {"fit": {"callbacks": ["a.py"], "extra": {"deep": [[1, [2]], {"a": None}]}}},
    {"data": {"text": "1e-8", "number": 1e-8, "other": "yes", "empty": "", "truth": True}},
    {"fit": {"unicode": "Å κ 铝\u2028", "lines": "a\nb\n", "quote": "it's \"x\"", "colon": "a: b"}},
    {"fit": {"text": "1e-8", "lines": "a\n\nb", "list": [], "empty": {}, "nested": [{"a": [1]}]}},
    {"metadata": {"author": "Å: #", "when": "2024-01-01", "long": "word " * 60}},
    {"metadata": None}, {"metadata": "text"}, {"metadata": []}, {"metadata": [1, {"a": 2}]},
    {"seed": None}, {"seed": "12:00:00"}, {"fit": {"weighting": {"type": "Energy"}}},
    {"potential": {"functions": {"ALL": {"lmax_by_orders": [0, [1, 2]]}}}},
    {"backend": {"x": "---", "y": "..."}}, {"data": {"note": "%", "tilde": "~"}},
    {"fit": {"big": 10**20, "small": 1e-300, "inf": float("inf")}},
]  # fmt: skip


@pytest.mark.parametrize("overrides", ODD)
def test_odd_overrides_read_back(overrides: dict[str, Any]) -> None:
    mapping = mapping_of(overrides=overrides)
    assert yaml.safe_load(text_of(mapping)) == mapping
    for key, value in overrides.items():
        if not isinstance(value, dict):
            assert mapping[key] == value


def test_a_misspelt_section() -> None:
    found = refused(overrides={"fitt": {"maxiter": 5}})
    assert found == ["  fitt: there is no such section (did you mean 'fit'?)"]


@pytest.mark.parametrize(
    ("elements", "most"), [(("Al",), 945), (("Al", "Cu"), 1891), (("Al", "Cu", "Ni", "Zn"), 2007)]
)
def test_more_functions_than_the_basis_has(elements: tuple[str, ...], most: int) -> None:
    mapping_of(elements=elements, b_basis_size=most)
    (message,) = refused(elements, b_basis_size=most + 1)
    assert f"training.b_basis_size is {most + 1}" in message
    assert f"to {most} functions per element" in message
    # Of another shape it is not known what it offers.
    shape = {"potential": {"functions": {"UNARY": {"nradmax_by_orders": [20, 8]}}}}
    mapping_of(elements=elements, b_basis_size=most + 1, overrides=shape)


@pytest.mark.parametrize("energies", [0, -3.5, "VASP_PBE_500_NM"])
def test_reference_energies_that_the_potential_would_not_keep(energies: Any) -> None:
    (message,) = refused(overrides={"data": {"reference_energy": energies}})
    assert f"data.reference_energy is {energies!r}" in message


KEYS: list[dict[Any, Any]] = [
    {"data": {"a: b": 1}}, {"fit": {"yes": 1}}, {"fit": {"1": 2}}, {"fit": {"# x": 1}},
    {"fit": {"null": 1}}, {"metadata": {"a: b": 1}},
]  # fmt: skip


@pytest.mark.parametrize("overrides", KEYS)
def test_odd_keys_read_back(overrides: dict[Any, Any]) -> None:
    mapping = mapping_of(overrides=overrides)
    assert yaml.safe_load(text_of(mapping)) == mapping


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    ),
    lambda below: st.lists(below, max_size=3)
    | st.dictionaries(st.text("abcé:# '\"\n", max_size=4), below, max_size=3),
    max_leaves=6,
)  # fmt: skip
names = st.from_regex(r"\Ax[a-z_]{1,8}\Z")


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(names, values, max_size=3),
    st.dictionaries(names, values, max_size=3),
    values,
)
def test_any_overrides_read_back(fit: dict[str, Any], data: dict[str, Any], metadata: Any) -> None:
    mapping = mapping_of(overrides={"fit": fit, "data": data, "metadata": metadata})
    assert yaml.safe_load(text_of(mapping)) == mapping


@pytest.mark.parametrize(
    ("functions", "elements", "at_least"),
    # What python-ace 0.4.0rc1 makes of them.
    [(100, 1, 464), (300, 1, 936), (700, 1, 1760), (945, 1, 2250)],
)
def test_the_estimate_of_the_parameters(functions: int, elements: int, at_least: int) -> None:
    found = parameters(functions, elements)
    assert at_least <= found <= at_least + 100


def test_the_optimizer_follows_the_number_of_parameters() -> None:
    def chosen(elements: int, **settings: Any) -> str:
        return optimizer(PacemakerTraining(**settings), elements)

    assert chosen(1) == "BFGS"
    assert chosen(5, b_basis_size=700) == "L-BFGS-B"
    assert chosen(5, b_basis_size=700, optimizer="BFGS") == "BFGS"
    assert chosen(1, optimizer="L-BFGS-B") == "L-BFGS-B"


@pytest.mark.parametrize(
    ("wanted", "independent", "warned"),
    [("auto", 1, True), ("auto", 2, True), ("auto", 3, False), ("auto", None, False),
     ({"C": 0.0, "H": 0.0, "O": 0.0}, 1, False)],
)  # fmt: skip
def test_fitted_energies_that_the_data_do_not_determine(
    wanted: Any, independent: int | None, warned: bool
) -> None:
    found = reference_warning(wanted, ("C", "H", "O"), independent)
    assert (found is not None) == warned
    if found:
        warning, short = found
        assert f"{independent} independent composition" in warning
        assert "for 3 elements" in warning
        assert "and for no others" in warning
        assert f"{independent} independent composition" in short
        assert len(short) < 200
