import numpy as np
import pytest

from core.data.store import Dataset
from core.recipes.presets import preset, presets
from core.recipes.recipe import Recipe
from tests.pages.new_run_form import PAGE, labels, settings, start_button, told_lines, trained_sizes
from tests.pages.reading import component, facts, figures, open_page, words

pytestmark = pytest.mark.usefixtures("no_shipped_runs", "cpu_only")


def test_what_a_run_will_be_in_numbers(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned")
    found = facts(app)
    assert (found["Trained on"], found["Validation"], found["Test"]) == ("320 molecules", "40", "40")
    assert found["Steps"] == f"{10 * preset('schnet-small').epochs:,}"  # 320 molecules in batches of 32
    assert "Effective sample" not in found and {"fig_sampling", "fig_rate"} <= set(figures(app))
    assert not {"fig_weight", "fig_share"} & set(figures(app))
    assert "python -m core train --recipe schnet-small --dataset learned" in words(app)


def test_the_list_holds_every_recipe_in_its_section(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", recipe="thesis-custom")
    data = component(app, "mollens_recipes")
    shown = {group["name"]: [row["id"] for row in group["rows"]] for group in data["groups"]}
    assert [row for rows in shown.values() for row in rows] == list(presets())
    assert all(presets()[row].section == section for section, rows in shown.items() for row in rows)
    assert data["selected"] == "thesis-custom"


def test_each_field_is_asked_where_it_matters_with_its_help_and_limits(dataset: Dataset) -> None:
    plain = labels(open_page(PAGE, dataset="learned"))
    everything = open_page(
        PAGE, dataset="learned",
        set=["min_atoms=10", "weighting=effective_number", "schedule=plateau", "filters=grid"],
    )  # fmt: skip
    by_rate = labels(open_page(PAGE, dataset="learned", set=["weighting=size"]))
    properties = Recipe.model_json_schema()["properties"]
    titles = {
        f"{field['title']}{', ' + field['unit'] if field.get('unit') else ''}"
        for name, field in properties.items()
        if name != "preset"
    }
    assert titles <= labels(everything) | by_rate
    for hidden in ("Rate", "Beta", "Least weight", "Control", "Points of the grid", "Plateau: factor", "Rare by"):
        assert hidden not in plain
    assert "Rate" in by_rate and "Beta" not in by_rate
    told = everything.number_input(key="field_epochs").help.replace("\\", "")
    assert told == "Times that every training molecule is seen; from 1 to 100,000"


def test_a_changed_field_stands_in_title_address_and_command(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned")
    app.number_input(key="field_epochs").set_value(3).run()
    assert facts(app)["Steps"] == "30" and settings(app) == ["epochs=3"]
    assert "with 1 change: epochs" in words(app) and "--set epochs=3" in words(app)
    assert "The recipe has: 40" in app.number_input(key="field_epochs").help
    app.text_input(key="field_learning_rate").input("2e-3").run()
    assert settings(app) == ["epochs=3", "learning_rate=0.002"]
    app.number_input(key="field_epochs").set_value(40).run()
    assert settings(app) == ["learning_rate=0.002"]
    next(button for button in app.button if button.label == "Reset").click().run()
    assert "unchanged" in words(app) and settings(app) == []
    assert app.text_input(key="field_learning_rate").value == "0.004"


def test_a_link_fills_the_form(dataset: Dataset) -> None:
    app = open_page(
        PAGE, dataset="learned", recipe="thesis-default",
        set=["epochs=7", "weighting=size", "weight_rate=10", "reference=composition"],
    )  # fmt: skip
    assert app.number_input(key="field_epochs").value == 7 and app.text_input(key="field_weight_rate").value == "10"
    assert "with 4 changes: reference, weights, rate, epochs" in words(app)
    assert {"fig_weight", "fig_share"} <= set(figures(app)) and "Effective sample" in facts(app)


def test_what_a_link_has_wrong_is_told_and_left_out(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", set=["epochs=0", "colour=red", "target=homo", "batch_size=64", "loss=l7"])
    (told,) = told_lines(app)
    for sentence in (
        "There is no field colour of a recipe.", "Epochs: 0 is not a whole number from 1 to 100,000.",
        "There is no target homo.", "Loss: l7 is not one of mse, mae, huber.",
    ):  # fmt: skip
        assert sentence in told
    assert settings(app) == ["batch_size=64"] and not start_button(app).disabled
    app = open_page(PAGE, dataset="learned", recipe="magic")
    assert told_lines(app) == ["There is no recipe magic."] and "SchNet, small" in words(app)


def test_a_value_that_does_not_fit_is_told_beside_its_field_and_not_started(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned")
    app.number_input(key="field_batch_size").set_value(0).run()
    assert ":small[:red[0 is not a whole number from 1 to 8,192]]" in words(app)
    assert told_lines(app) == ["Batch size: 0 is not a whole number from 1 to 8,192."]
    assert start_button(app).disabled and app.number_input(key="field_batch_size").value == 0
    assert facts(app)["Steps"] == "400"  # of the last values that fit
    app.text_input(key="field_learning_rate").input("fast").run()
    assert (
        len(told_lines(app)) == 1 and "Learning rate: fast is not a number above 0 and up to 1." in told_lines(app)[0]
    )
    app.text_input(key="field_learning_rate").input("0.001").run()
    app.number_input(key="field_batch_size").set_value(64).run()
    assert told_lines(app) == [] and not start_button(app).disabled
    assert settings(app) == ["learning_rate=0.001", "batch_size=64"]


def test_fields_that_do_not_fit_together_are_refused(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", set=["warmup_epochs=50"])
    assert told_lines(app) == ["Warm-up: 50; it may not exceed epochs (40)."] and start_button(app).disabled


def test_a_linear_fit_asks_for_no_network(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", recipe="composition")
    asked = labels(app)
    assert {"Target", "At most per size, molecules"} <= asked
    assert not {"Features", "Epochs", "Filter cutoff, Å", "Weights", "Reference"} & asked
    assert "Steps" not in facts(app) and "fig_rate" not in figures(app)


def test_only_targets_with_an_output_are_offered(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", recipe="painn-dipole")
    assert app.selectbox(key="field_target").options == ["Total energy (eV)", "HOMO-LUMO gap (eV)"]
    assert "learned has no target dipole_moment, as the recipe has; its usual one is taken." in told_lines(app)
    app = open_page(PAGE, dataset="learned", set=["target=gap"])
    assert "Reference" not in labels(app)  # a mean over atoms has none
    assert "--set target=gap" in words(app)


def test_the_splits_page_links_to_the_form_with_its_split(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", split="nowhere")
    assert told_lines(app) == ["The address: There is no split nowhere."]
    assert app.selectbox(key="field_split").value == "default"


def test_a_plateau_shows_its_fields_and_says_what_it_depends_on(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", set=["schedule=plateau"])
    assert {"Plateau: factor", "Plateau: patience, epochs"} <= labels(app)
    assert "When that happens depends on the validation error" in words(app)
    app.selectbox(key="field_schedule").set_value("constant").run()
    assert not {"Plateau: factor", "Plateau: patience, epochs"} & labels(app)


def test_neighbours_that_end_before_the_filters_are_warned_of(dataset: Dataset) -> None:
    assert "Neighbours end at 4 Å, where filters have not yet fallen to zero (5 Å)" in words(
        open_page(PAGE, dataset="learned", set=["neighbour_cutoff=4"])
    )


def test_sampling_is_counted_before_the_start(dataset: Dataset) -> None:
    sizes = trained_sizes(dataset)
    left = int(np.minimum(np.bincount(sizes[sizes >= 15]), 20).sum())
    app = open_page(PAGE, dataset="learned", set=["min_atoms=15", "most_per_size=20", "batch_size=10"])
    assert facts(app)["Trained on"] == f"{left} of 320" and facts(app)["Steps"] == f"{40 * -(-left // 10):,}"
    assert f"**{left} of 320 training molecules are used" in words(app)
    app = open_page(PAGE, dataset="learned", set=["min_atoms=500"])
    assert "no training molecule of the split; they have" in told_lines(app)[0] and start_button(app).disabled


def test_weights_that_are_undefined_are_refused_with_ways_out(dataset: Dataset) -> None:
    sizes = trained_sizes(dataset)
    refused = int((sizes <= 14).sum())
    fields = ["weighting=size_frequency", "weight_rate=10"]
    app = open_page(PAGE, dataset="learned", set=fields)
    text = words(app)
    assert f"**No weight for sizes {sizes.min()} to 14.**" in text and f"{refused} of 320 molecules" in text
    assert start_button(app).disabled and "fig_weight" in figures(app) and "fig_share" not in figures(app)
    assert "python -m core train" not in text
    app.button(key="way_clip").click().run()
    assert settings(app) == [*fields, "least_weight=0.1"] and not start_button(app).disabled
    assert "is clipped to 0.1" in words(app) and "--set least_weight=0.1" in words(app)
    app = open_page(PAGE, dataset="learned", set=fields)
    app.button(key="way_sizes").click().run()
    assert "min_atoms=15" in settings(app) and facts(app)["Trained on"] == f"{320 - refused} of 320"
    assert not start_button(app).disabled


def test_another_rate_is_proposed_where_one_gives_all_a_weight(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", set=["weighting=size_frequency", "weight_rate=10", "min_atoms=13"])
    way = app.button(key="way_rate")
    assert way.label == "Rate 15"  # log(1.3^15 / 10 - 15 / 4.5) is the first above 0
    way.click().run()
    assert "weight_rate=15" in settings(app) and not start_button(app).disabled


def test_the_form_is_found_as_it_was_left(dataset: Dataset) -> None:
    app = open_page(PAGE, dataset="learned", recipe="painn-small")
    app.number_input(key="field_epochs").set_value(3).run()
    app.switch_page("pages/train/runs.py").run()
    app.query_params.clear()
    app.switch_page("pages/train/new_run.py").run()
    assert app.number_input(key="field_epochs").value == 3 and "**PaiNN, small** with 1 change" in words(app)
