"""What a recipe does to the dataset, as figures: who is trained on, who counts how much, how fast it learns."""

from __future__ import annotations

import polars as pl
import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.recipe_preview import By, sampling_figure, share_figure, weight_figure
from core.figures.recipe_sentences import sampling_sentence, weight_sentence
from core.figures.theme import colours
from core.figures.training_runs import rate_figure
from core.recipes.preview import BY_RATE, Groups, Preview, preview
from core.recipes.recipe import Recipe
from pages.common.appearance import dark, unbroken
from pages.common.furniture import card, card_head, empty, show
from pages.train.parts.form_address import kept_choice
from pages.train.parts.recipe_state import Draft

_BY = {"size": "By size", "element": "By element"}


def previewed(draft: Draft, dataset: Dataset) -> Preview | MollensError:
    """What a run would learn from; the sentence where it cannot be told. A field that does not fit is passed over."""
    recipe = draft.recipe if isinstance(draft.recipe, Recipe) else draft.last
    if recipe is None:
        return MollensError("recipe: its fields do not fit together")
    try:
        return preview(recipe, dataset)
    except MollensError as error:
        return error


def show_preview(found: Preview | MollensError) -> None:
    """The figures, one under the other on one axis of sizes."""
    if isinstance(found, MollensError):
        empty("What would be trained on is shown here once the fields fit.", "preview")
        return
    weighted = found.recipe.weighting != "none" and found.recipe.model != "composition"
    with card("sampling"):
        head = st.container(gap="xsmall")
        by = _by(found.curve.by if weighted else "size")
        groups = found.sizes if by == "size" else found.elements
        with head:
            card_head(
                "What does it learn from?",
                "Outline: the split's training molecules · filled: those that are trained on",
                "sampling",
                _table(groups, by),
                image="fig_sampling",
            )
            st.markdown(unbroken(sampling_sentence(found)))
        show(sampling_figure(found, dark(), by), "fig_sampling", "Training molecules before and after sampling")
    if weighted:
        _weights(found, by)
    if found.recipe.model != "composition":
        with card("rate"):
            card_head("How large are its steps?", _schedule(found.recipe), "rate", image="fig_rate")
            _rate(found.recipe)


def _by(usual: str) -> By:
    chosen = st.segmented_control(
        "Grouping",
        list(_BY),
        format_func=_BY.__getitem__,
        required=True,
        label_visibility="collapsed",
        **kept_choice("by", list(_BY), usual),
    )
    return "element" if chosen == "element" else "size"


def _weights(found: Preview, by: By) -> None:
    """The weight of one molecule, and where all of it goes."""
    curve = found.curve
    refused = bool(curve.refused.any())
    classes = "size" if curve.by == "size" else "rarest element"
    drawn = found.recipe.weights_in == "sampling"
    mean = "as the formula gives it" if refused or not found.recipe.normalise_weights else "mean 1"
    with card("weight"):
        table = pl.DataFrame(
            {
                classes.replace(" ", "_"): curve.names,
                "training_molecules": curve.counts,
                "formula": curve.values,
                "weight": curve.weights,
                "clipped": curve.clipped,
                "refused": curve.refused,
            }
        )
        what = "Chance to be drawn" if drawn else "Weight of one molecule in the loss"
        rate = f" at rate {found.recipe.weight_rate:g}" if found.recipe.weighting in BY_RATE else ""
        card_head(
            "How much does a molecule count?",
            f"{what} against its {classes}{rate}, {mean}",
            "weight",
            table,
            image="fig_weight",
        )
        st.markdown(unbroken(weight_sentence(found)))
        show(weight_figure(found, dark()), "fig_weight", f"Weight of a molecule by its {classes}")
    if refused:
        return
    with card("share"):
        dot = "expected share of the draws" if drawn else "share of all weight"
        card_head(
            "What is drawn?" if drawn else "Where does the weight go?",
            f"Bar: share of the molecules · dot: {dot}", "share",
            _table(found.sizes if by == "size" else found.elements, by), image="fig_share",
        )  # fmt: skip
        show(share_figure(found, dark(), by), "fig_share", "Share of the molecules and share of the weight")


def _table(groups: Groups, by: By) -> pl.DataFrame:
    """The numbers behind the figures."""
    return pl.DataFrame(
        {
            "atoms" if by == "size" else "element": groups.keys if by == "size" else list(groups.labels),
            "training_molecules": groups.before,
            "trained_on": groups.after,
            "weight": groups.weight,
            "share": groups.share,
            "weight_share": groups.weight_share,
        }
    )


def _schedule(recipe: Recipe) -> str:
    epochs = f"{recipe.warmup_epochs:g} epoch{'' if recipe.warmup_epochs == 1 else 's'}"
    warm = f"rises over {epochs}, " if recipe.warmup_epochs else ""
    if recipe.schedule == "cosine":
        return f"Learning rate over the epochs: {warm}falls as a cosine to zero"
    if recipe.schedule == "constant":
        return f"Learning rate over the epochs: {warm}{'then constant' if warm else 'constant'}"
    return (
        f"Learning rate: {warm}multiplied by {recipe.plateau_factor:g} after {recipe.plateau_patience} epochs without "
        "gain. When that happens depends on the validation error, so the steps are not drawn"
    )


def _rate(recipe: Recipe) -> None:
    fig = rate_figure(
        recipe.epochs, recipe.warmup_epochs, recipe.schedule, recipe.learning_rate, colours(dark()).count_line, dark()
    )
    show(fig, "fig_rate", f"Learning rate over {recipe.epochs} epochs")
