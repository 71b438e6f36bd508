from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.molecules import Molecules
from core.data.selection import Range, Selection, Span
from core.data.split_making import make_split
from core.data.splits import open_split
from core.data.store import Dataset, delete_dataset
from core.figures.error_axes import View
from core.figures.error_groups import pickable, question
from core.files import CHECKOUT
from core.judge.errors import report
from core.judge.grouping.groupings import Grouping
from core.judge.slicing.slice_cache import search_and_save
from core.recipes.recipe import Recipe
from core.runs.folder import Run
from core.runs.predictions import Predictions, read_about
from core.runs.writer import replace_predictions
from pages.common.selection import chosen_names, with_group, without_own
from pages.judge.parts.numbers import _beside_baseline
from tests.fake_runs import fake_dataset, fake_molecules, fake_run, qm9_like


@pytest.fixture(autouse=True)
def no_shipped_runs(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.setattr("core.runs.folder.SHIPPED", CHECKOUT / "models" / "none")


@pytest.fixture
def dataset() -> Dataset:
    return fake_dataset("judged", fake_molecules(qm9_like(1500)))


def no_copies(n: int) -> Molecules:
    """Molecules like QM9's that differ in their geometry, so that none is a copy of another."""
    molecules = fake_molecules(qm9_like(n))
    stretch = np.repeat(1 + np.arange(n) / n, molecules.sizes)
    return replace(molecules, positions=molecules.positions * stretch[:, None])


def finished_run(dataset: Dataset, name: str, scale: float = 0.01, recipe: Recipe | None = None) -> Run:
    """Errors of `scale` eV per atom; the validation error falls as 1 / epoch."""
    sizes = dataset.molecules.sizes
    split = open_split(dataset, recipe.split if recipe else "default")
    validation = dataset.molecules.sizes[dataset.molecules.rows_of(split.validation)]
    curves = np.stack([scale * validation * (1 + 10 / epoch) for epoch in range(1, 13)])
    return fake_run(dataset, scale * sizes, name, validation=curves, recipe=recipe)


def show(page: str = "pages/judge/errors.py", /, **query: str) -> AppTest:
    app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=60)
    app.query_params["dataset"] = query.pop("dataset", "judged")
    app.run().switch_page(page)
    for key, value in query.items():
        app.query_params[key] = value
    app.query_params["dataset"] = "judged"
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything a reader can read, in one text."""
    kinds = (app.title, app.caption, app.markdown, app.warning, app.error, app.info, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_two_models_with_their_numbers(dataset: Dataset) -> None:
    finished_run(dataset, "first", 0.01)
    finished_run(dataset, "second", 0.02, Recipe(learning_rate=2e-3))
    app = show()
    text = words(app)
    mean = 10 * dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)].mean()
    assert "Where are the models wrong?" in text
    assert "test molecules of the default split: 150, seen by none of these models" in text
    assert f">{mean:.0f}</span> meV" in text and f">{2 * mean:.0f}</span> meV" in text
    assert "still falling" in text
    assert re.search(r"[0-9.]+× smaller than the baseline [0-9.]+ meV", text)
    assert "(provisional: still falling)" in text
    assert len(app.get("plotly_chart")) >= 8
    assert "Not enough data" in text  # few molecules with F


def test_no_run_offers_to_start_one(dataset: Dataset) -> None:
    app = show()
    assert "No model has been trained on judged yet." in words(app)
    assert [link.label for link in app.get("page_link")] == ["Start a run"]


def test_unfinished_run_says_its_state(dataset: Dataset) -> None:
    fake_run(dataset, dataset.molecules.sizes * 0.0, "half", state="stopped", write=False)
    assert "No run on judged has predictions yet: half (stopped)" in words(show())
    finished_run(dataset, "whole")
    text = words(show())
    assert "Not judged yet, without predictions: half (stopped)." in text and "meV" in text


def test_damaged_run_is_told_and_does_not_stop_the_others(dataset: Dataset) -> None:
    finished_run(dataset, "whole")
    broken = finished_run(dataset, "broken")
    (broken.path / "recipe.json").write_text("{")
    half = finished_run(dataset, "cut", recipe=Recipe(learning_rate=2e-3))
    (half.path / "predictions" / "judged" / "predicted.npy").write_bytes(b"x")
    text = words(show())
    assert "recipe.json is damaged" in text.replace("\\", "")
    assert "predicted.npy is damaged or missing" in text.replace("\\", "")
    assert "meV" in text


def test_runs_elsewhere_are_pointed_to(dataset: Dataset) -> None:
    other = fake_dataset("other", fake_molecules(qm9_like(300)))
    finished_run(other, "there")
    app = show()
    assert "1 run on other" in [link.label for link in app.get("page_link")]


def test_missing_dataset(dataset: Dataset) -> None:
    run = finished_run(dataset, "orphan")
    delete_dataset("judged")
    app = show(run=run.id)
    assert "judged" in words(app)


def test_changed_dataset_is_a_sentence(dataset: Dataset) -> None:
    finished_run(dataset, "old")
    shutil.rmtree(dataset.folder)
    fake_dataset("judged", fake_molecules(qm9_like(1400)))
    assert "dataset judged has changed since the training" in words(show())


def test_selected_group_shows_its_numbers_and_leads_to_its_molecules(dataset: Dataset) -> None:
    run = finished_run(dataset, "first")
    app = show(size="17", element="N", models=run.id)
    held = dataset.molecules.rows_of(open_split(dataset).test)
    n = int(((dataset.molecules.sizes == 17) & dataset.molecules.contains(7))[held].sum())
    assert "**17 atoms · with N**" in words(app) and "**170** meV" in words(app)
    assert f"**{n}** of 150 test molecules" in words(app)
    links = {link.label: link.proto.query_string for link in app.get("page_link")}
    for label in ("Show these molecules", f"{n} molecules"):
        assert all(part in links[label] for part in ("size=17", "element=N", f"run={run.id}"))


def test_nonsense_in_the_address_is_a_warning(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    text = words(show(size="many", models="nobody"))
    assert "expected a number such as 17" in text and "meV" in text
    assert "not found" in words(show(run="nobody"))


def test_every_measure_and_scale(dataset: Dataset) -> None:
    finished_run(dataset, "first")  # predicted too high by 10 meV an atom
    errors = 10.0 * dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)]
    expected = {
        "rmse": np.sqrt(np.mean(errors**2)),
        "median": np.median(errors),
        "p95": np.quantile(errors, 0.95),
        "bias": errors.mean(),
    }
    app = show()
    for measure, value in expected.items():
        app.query_params["measure"] = measure
        assert not app.run().exception
        assert f">{value:{'+' if measure == 'bias' else ''}.0f}</span> meV" in words(app)
        assert axis_of_sizes(app)["type"] == ("linear" if measure == "bias" else "log")
    app.query_params.update({"measure": "mae", "scale": "linear", "per": "atom"})
    assert not app.run().exception
    assert re.search(">10.00?</span> meV/atom", words(app))
    axis = axis_of_sizes(app)
    assert axis["type"] == "linear" and axis["range"][0] == 0 < 10 < axis["range"][1] < 100


def axis_of_sizes(app: AppTest) -> dict:
    """The error axis of the figure of errors by size."""
    chart = next(e for e in app.get("plotly_chart") if "errors_by_group" in e.proto.id)
    return json.loads(chart.proto.spec)["layout"]["yaxis"]


def test_the_command_of_a_figure_prints_what_it_shows() -> None:
    dataset = fake_dataset("judged", no_copies(1500))
    make_split(dataset, "other", seed=5, together="none")
    first = finished_run(dataset, "first")
    second = finished_run(dataset, "second", recipe=Recipe(split="other"))
    app = show(per="atom", models=f"{first.id},{second.id}", element="N")
    app.query_params["measure"] = "rmse"
    app.run()
    where = " --where element=N"
    wanted = f"report {first.id} --by size --measure rmse{where} --per atom --with {second.id} --json"
    assert wanted in "\n".join(element.value for element in app.code)
    told = report(first, dataset, "size", "rmse", "test", "atom", [second], Selection(element=("N",)))
    assert told["rmse"] == pytest.approx(0.01) and told["unit"] == "eV/atom"
    shared = np.intersect1d(open_split(dataset).test, open_split(dataset, "other").test)
    n = int(dataset.molecules.contains(7)[dataset.molecules.rows_of(shared)].sum())
    assert told["n"] == n == sum(group["n_held_out"] for group in told["groups"])
    assert f"{len(shared)} test molecules that these models share" in words(app)
    assert f"**{n}** of {len(shared)} test molecules" in words(app)


def test_different_splits_are_told_where_numbers_are_of_one_model(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=5, together="none")
    finished_run(dataset, "first")
    assert "splits differ" not in words(show())
    finished_run(dataset, "second", recipe=Recipe(split="other"))
    text = words(show())
    assert "splits differ: training counts and baseline are those of" in text
    assert "splits differ: each curve is over its own run's molecules" in text


def test_nothing_is_claimed_of_fewer_than_ten(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    assert "fewer than 10: points only, nothing can be said" in words(show(size="12"))


@pytest.mark.parametrize(
    ("high", "expected"), [(0.6, "baseline 500 meV"), (0.3, "2.5× smaller than the baseline 500 meV")]
)
def test_the_baseline_is_compared_only_outside_the_interval(high: float, expected: str) -> None:
    overall = {"mae": 0.2, "mae_low": 0.1, "mae_high": high, "baseline_mae": 0.5}
    assert _beside_baseline(overall, View("mae", 1000.0, "meV", dark=False)) == expected


def test_chemical_accuracy_comes_with_its_hint_and_only_where_it_is_drawn() -> None:
    hint = "1 kcal/mol: here against this dataset's labels, not experiment"
    for name, level in (("judged", "B3LYP/6-31G(2df,p)"), ("xtb", "GFN2-xTB")):
        dataset = fake_dataset(name, fake_molecules(qm9_like(600)), level_of_theory=level)
        finished_run(dataset, f"on-{name}", 0.0025)
        app = AppTest.from_file(str(CHECKOUT / "app.py"), default_timeout=60)
        app.query_params["dataset"] = name
        app.run().switch_page("pages/judge/errors.py")
        app.query_params["dataset"] = name
        assert not app.run().exception
        assert (hint in words(app)) == (name == "judged")
        chart = next(e for e in app.get("plotly_chart") if "errors_by_group" in e.proto.id)
        notes = [note["text"] for note in json.loads(chart.proto.spec)["layout"]["annotations"]]
        assert ("1 kcal/mol" in notes) == (name == "judged")


def test_a_split_without_test_part_is_judged_on_validation_and_says_so(dataset: Dataset) -> None:
    make_split(dataset, "thesis", train=0.8, validation=0.2, together="none")
    finished_run(dataset, "first", recipe=Recipe(split="thesis"))
    assert "300 **validation** molecules: this split has no test part" in words(show())


def test_models_of_different_splits_share_molecules(dataset: Dataset) -> None:
    make_split(dataset, "other", seed=5, together="none")
    finished_run(dataset, "first")
    finished_run(dataset, "second", recipe=Recipe(split="other"))
    assert "test molecules that these models share, seen by none of them" in words(show())


def test_models_that_share_no_molecule_can_be_unpicked(dataset: Dataset) -> None:
    ids = dataset.molecules.ids
    make_split(dataset, "other", seed=5, together="none")
    finished_run(dataset, "first")
    second = finished_run(dataset, "second", recipe=Recipe(split="other"))
    codes = np.zeros(len(ids), dtype=np.uint8)
    codes[np.isin(ids, open_split(dataset).train[:100])] = 2
    np.save(second.path / "predictions" / "judged" / "split.npy", codes)
    app = show()
    assert "have no test molecule in common" in words(app)
    assert "Pick one or more models above" in words(app)
    assert app.get("button_group")


@pytest.mark.parametrize(
    "numbers",
    [qm9_like(40), [[6, 1, 1, 1, 1]] * 60, [[1, 1]] * 11 + [[8, 1, 1]], [[6, 8], [7, 7], [6, 1, 1, 1, 1]] * 200],
    ids=["few", "one-size", "nearly-one", "alike"],
)
@pytest.mark.parametrize("page", ["pages/judge/errors.py", "pages/judge/outliers.py"])
def test_small_and_uniform_datasets(page: str, numbers: list[list[int]]) -> None:
    dataset = fake_dataset("judged", fake_molecules(numbers))
    finished_run(dataset, "first")
    for scale in ("log", "linear"):
        assert "eV" in words(show(page, scale=scale))


def test_names_are_shown_as_typed(dataset: Dataset) -> None:
    finished_run(dataset, "a <img src=x onerror=1> **b** %{x} $c$")
    app = show(size="17")
    assert "\\<img" in words(app) and "<img" not in words(app).replace("\\<img", "")


def figure(app: AppTest, key: str) -> dict:
    """The figure of one chart as the browser gets it."""
    chart = next(e for e in app.get("plotly_chart") if key in e.proto.id)
    return json.loads(chart.proto.spec)


def test_every_grouping_has_its_figure(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    finished_run(dataset, "second", 0.02, Recipe(learning_rate=2e-3))
    app = show()
    forms = {"size": "lines", "heavy": "lines", "gap": "lines", "unsaturation": "lines", "element": "rows",
             "rare": "rows", "where": "rows", "rings": "lines"}  # fmt: skip
    assert set(forms) <= set(pickable(dataset))
    for by, form in forms.items():
        app.query_params["by"] = by
        assert not app.run().exception
        spec = figure(app, "errors_by_group")
        assert ("yaxis3" in spec["layout"]) == (form == "rows"), by
        assert question(by, dataset) in words(app)
    app.query_params.update({"by": "rare", "below": "20"})
    app.run()
    assert "--by rare:20 " in "\n".join(element.value for element in app.code)
    app.query_params.update({"by": "where", "inside": "element=F; size=9-20"})
    app.run()
    assert "Not enough data" in words(app) and "inside the filter" in words(app)
    app.session_state["kept_inside"] = "element=Q"
    app.run()
    assert "element 'Q' is not known" in words(app).replace("\\", "") and "Shown by size meanwhile" in words(app)


def test_a_filter_narrows_all_figures_but_the_one_that_sets_it(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    rows = dataset.molecules.rows_of(open_split(dataset).test)
    n = int(dataset.molecules.contains(7)[rows].sum())
    app = show(element="N")
    sizes = figure(app, "errors_by_group")["data"]
    marks = next(trace for trace in sizes if trace["name"] == "first")
    held = [int(re.search("([0-9]+) held out", text)[1]) for text in marks["text"]]  # type: ignore[index]
    assert sum(held) == n < 150
    elements = figure(app, "errors_by_other")["layout"]
    assert set(elements["yaxis2"]["ticktext"]) > {str(n), "150"}  # before its own filter
    assert elements["shapes"]  # N is marked


def test_squares_and_ratios_have_their_units(dataset: Dataset) -> None:
    finished_run(dataset, "first")  # 10 meV an atom; the baseline is off by 0.5 eV
    sizes = dataset.molecules.sizes[dataset.molecules.rows_of(open_split(dataset).test)]
    app = show()
    app.query_params["measure"] = "mse"
    assert not app.run().exception
    assert re.search(f">{np.mean((0.01 * sizes) ** 2):.4f}</span> eV²", words(app))
    app.query_params.update({"measure": "mae", "relative": "baseline"})
    assert not app.run().exception
    assert f">{0.01 * sizes.mean() / 0.5:.3f}</span> × baseline" in words(app)
    assert "MAE over that of the baseline, test molecules" in words(app)
    app.query_params["measure"] = "max"
    assert not app.run().exception
    assert "a maximum has no interval" in words(app)


def test_a_link_opens_the_same_view(dataset: Dataset) -> None:
    first, second = finished_run(dataset, "first"), finished_run(dataset, "second", 0.02, Recipe(learning_rate=2e-3))
    app = show(models=f"{second.id},{first.id}", by="heavy", measure="rmse", per="atom", relative="baseline",
               scale="linear", focus=first.id, minus=second.id, size="17-19", epochs="absolute", spread="signed",
               against="time")  # fmt: skip
    text = words(app)
    assert "Does the number of heavy atoms matter?" in text and "RMSE over" in text
    assert "Where does the one err more than the other?" in text and "17 to 19 atoms" in text
    assert "Signed error in" in text and "against time of training and validation" in text
    assert figure(app, "errors_by_group")["layout"]["yaxis"]["type"] == "linear"
    values = [v for line in figure(app, "errors_by_cell")["data"][0]["z"] for v in line if v is not None] \
        if isinstance(figure(app, "errors_by_cell")["data"][0]["z"], list) else [-1.0]  # fmt: skip
    assert max(values) < 0  # the first errs less in every cell


def test_a_filter_that_leaves_nothing(dataset: Dataset) -> None:
    finished_run(dataset, "first")
    app = show(size="40")
    assert "The filters leave none of the test molecules." in words(app)
    next(button for button in app.button if button.label == "Clear all filters").click()
    app.run()
    assert "size" not in app.query_params and "**150** test molecules" in words(app)


def test_runs_of_elsewhere_are_judged_with_a_warning(dataset: Dataset) -> None:
    other = fake_dataset("other", no_copies(300))
    run = finished_run(other, "there")
    n, target = dataset.molecules.n_molecules, np.asarray(dataset.molecules.columns["energy"])
    columns = Predictions(dataset.molecules.ids, np.full(n, 255, np.uint8), target, target + 0.1, target + 0.5)
    replace_predictions(run, columns, "judged", dataset.card.sha256, codes="unknown")
    assert (read_about(run, "judged") or {})["codes"] == "unknown"
    text = words(show())
    assert "there: it is not known which molecules it was trained on" in text
    assert "split not known" in text and "trained on other" in text and re.search(">100(.0)?</span> meV", text)
    assert "nothing is concluded" in text and "predicted worse than" not in text
    assert "This model was trained on other, so there is nothing to show over time." in text


def test_worst_groups_are_looked_for_when_asked(dataset: Dataset) -> None:
    random = np.random.default_rng(0)
    worse = np.where(dataset.molecules.contains(7), 3.0, 1.0)
    run = fake_run(dataset, worse * random.normal(0, 0.02, 1500), "first")
    app = show(models=run.id)
    assert [b.label for b in app.button if b.label == "Look for them"]
    search_and_save(run, dataset)
    app = show(models=run.id)
    assert "Worst confirmed group: molecules with N" in words(app)
    assert [d[0] for d in next(t for t in figure(app, "worst_groups")["data"] if t["name"] == "groups")["customdata"]]


GROUPS = Grouping(
    "size",
    ("9", "10", "11"),
    ("9 atoms", "10 atoms", "11 atoms"),
    np.ones((3, 4), dtype=bool),
    tuple(Selection(size=(Span(n, n),)) for n in (9, 10, 11)),
)


def test_a_group_becomes_a_filter_and_is_taken_away_again() -> None:
    kept = Selection(element=("F",), size=(Span(9, 10),))
    assert without_own(kept, GROUPS) == Selection(element=("F",))
    assert chosen_names(kept, GROUPS) == {"9", "10"}
    one = with_group(kept, GROUPS, "11")
    assert one == Selection(element=("F",), size=(Span(11, 11),))
    assert with_group(one, GROUPS, "11") == Selection(element=("F",))
    assert with_group(kept, replace(GROUPS, selections=(None, None, None)), "9") is None


def test_only_the_range_of_its_own_property_is_a_groupings_filter() -> None:
    gap, homo = Range("gap", 1.0, 2.0), Range("homo", -3.0, None)
    fifths = replace(
        GROUPS, by="gap", selections=tuple(Selection(range=(Range("gap", a, a + 1),)) for a in (0.0, 1.0, 2.0))
    )
    assert without_own(Selection(range=(gap, homo)), fifths) == Selection(range=(homo,))
    assert chosen_names(Selection(range=(gap, homo)), fifths) == {"10"}
    assert with_group(Selection(range=(homo,)), fifths, "9") == Selection(range=(homo, Range("gap", 0.0, 1.0)))
