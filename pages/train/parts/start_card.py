"""The start of a run, or of several: what it will cost, what stands in its way, and the command that does the same."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import duration, number, percent
from core.recipes.create import create_run, options
from core.recipes.preview import Preview
from core.recipes.recipe import Recipe
from core.runs.devices import list_devices, resolve_device
from core.runs.folder import clone_recipe
from core.runs.jobs import start_job
from core.runs.queue import jobs_on
from pages.common.appearance import plain, unbroken
from pages.common.clock import in_seconds
from pages.common.furniture import Fact, card, card_head, facts, note
from pages.common.loaders import load_dataset, load_runs
from pages.common.models import style_of
from pages.train.parts.form_address import hold, kept_choice
from pages.train.parts.recipe_form import chosen_logs
from pages.train.parts.recipe_state import Draft, set_fields
from pages.train.parts.start_cost import Expected, expected, show_source
from pages.train.parts.start_plans import Plan, Search, ask_control, ask_search, commands, planned, usual_name
from pages.train.parts.weight_refusal import by_rate, show_refusal, show_refused_rates

RUNS = "pages/train/runs.py"
MOST_SEEDS = 20


def show_start(draft: Draft, dataset: Dataset, found: Preview | MollensError) -> None:
    """The whole card."""
    with card("start", gap="small"):
        head, strip, wrong = (st.container(gap="xsmall") for _ in range(3))
        name, n_seeds, device, n_devices = _ask(draft)
        logs = chosen_logs(draft)
        engine = draft.base.run.engine if draft.base.run is not None else "eager"
        search, plans = Search(), []
        if isinstance(found, Preview):
            search = ask_search(found.recipe, dataset)
            control = not search.text and ask_control(found.recipe)
            plans = planned(found.recipe, name, n_seeds, search, draft, control)
        refused = search.fault or (
            isinstance(found, Preview) and found.refusal and not (search.text and by_rate(found))
        )
        ready = isinstance(draft.recipe, Recipe) and isinstance(found, Preview) and not refused
        clicked = st.button(
            f"Start {len(plans)} runs" if len(plans) > 1 else "Start the run",
            key=f"start_run_{dataset.name}",  # a click never acts on what has taken its dataset's place
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=not ready,
            on_click=hold,
        )
        below = st.container(gap="small")
        with wrong:
            _what_is_wrong(draft, dataset, found, search)
        if not isinstance(found, Preview):
            with head:
                card_head("This run", "", "start")
            return
        cost = expected(found, dataset, device)
        with head:
            card_head(f"{len(plans)} runs" if len(plans) > 1 else "This run", _turn(device, len(plans), cost), "start")
        with strip:
            facts(_facts(found, cost, len(plans), bool(search.text)))
            show_source(found.recipe, dataset, device, cost)
        with below:
            _tell_taken_names([plan.name or usual_name(draft) for plan in plans])
            if found.warnings:
                told = "\n\n".join(
                    unbroken(plain(warning)).replace(" Å", "\N{NO-BREAK SPACE}Å") for warning in found.warnings
                )
                note(told, "warnings", "notice")
            if ready:
                lines = commands(plans, search, name, draft.base, dataset, options(device, n_devices, logs, engine))
                st.code("\n".join(lines), language="bash", wrap_lines=True, height=220 if len(lines) > 3 else "content")
        if clicked and ready:
            with wrong:
                start(plans, dataset, device, n_devices, logs, engine)


def _ask(draft: Draft) -> tuple[str, int, str, int]:
    """Name, number of seeds, device, and how many GPUs share a batch."""
    found = list_devices()
    given = clone_recipe(draft.base.run) if draft.base.run is not None else {"device": "auto", "devices": 1}
    labels = {"auto": "automatic", **{device.key: device.label for device in found}}
    left, middle, right = st.columns([2.5, 1, 1.75], gap="small")
    name = left.text_input("Name", placeholder=usual_name(draft), max_chars=80, key="run_name", on_change=hold).strip()
    with middle:
        n_seeds = st.selectbox(
            "Seeds",
            range(1, MOST_SEEDS + 1),
            help="Runs that differ in their seed only, counted up from the one in the form; a statement about a recipe "
            "needs at least 3",
            **kept_choice("seeds", range(1, MOST_SEEDS + 1), 1),
        )
    with right:
        device = st.selectbox(
            "Device",
            list(labels),
            format_func=labels.__getitem__,
            help="automatic takes the first GPU, else the CPU",
            **kept_choice("device", list(labels), given["device"] if given["device"] in labels else "auto"),
        )
    # a batch is shared by the chosen GPU and those after it
    n_gpus = len(found) - 1 - (int(device.partition(":")[2]) if device and device.startswith("cuda:") else 0)
    n_devices = 1
    if n_gpus > 1 and device != "cpu":
        choice = range(1, n_gpus + 1)
        n_devices = st.selectbox(
            "GPUs that share each batch",
            choice,
            help="The batch is divided among them; its size, and so the training, stays the same",
            **kept_choice("devices", choice, min(given["devices"], n_gpus)),
        )
    return name, n_seeds or 1, device or "auto", n_devices or 1


def _what_is_wrong(draft: Draft, dataset: Dataset, found: Preview | MollensError, search: Search) -> None:
    """Why nothing can be started, with the ways out where there are some."""
    if isinstance(draft.recipe, MollensError):
        st.error(plain(draft.recipe), icon=":material/error:")
    elif isinstance(found, MollensError):
        st.error(plain(str(found).removeprefix("recipe: ")), icon=":material/error:")
    elif found.refusal and not by_rate(found):
        st.error(plain(found.refusal), icon=":material/error:")
        if "reference=composition" in found.refusal:
            st.button(
                "Take the composition as reference",
                key="way_reference",
                on_click=set_fields,
                args=({"reference": "composition"}, draft.start),
            )
    elif search.refused:
        show_refused_rates(draft, search.fault)
    elif search.fault:
        st.error(plain(search.fault), icon=":material/error:")
    elif found.refusal and not search.text:  # a search does not run at the rate of the form
        show_refusal(draft, dataset, found)


def _tell_taken_names(names: Sequence[str]) -> None:
    """Names may be equal, for runs have ids; but commands then no longer take the name."""
    known = {run.name for run in load_runs() if run.error is None}
    taken = [name for name in names if name in known]
    if taken:
        which = f"the name {plain(taken[0])}" if len(names) == 1 else f"{len(taken)} of these names"
        st.caption(f"There is a run with {which} already: commands will then need the run's id.")


def _turn(device: str, n: int, cost: Expected) -> str:
    """Where the runs will run, what they wait for, and when they are done."""
    key = resolve_device(device)
    at_work = set(jobs_on(key))
    for run in load_runs():  # one that was started a moment ago has no ticket yet
        if run.error is not None or run.shipped or not (status := run.status()).active:
            continue
        if (status.device or _resolved(str(run.recipe_file.get("device", "auto")))) == key:
            at_work.add(run.id)
    ahead = len(at_work)
    one_by_one = "One after the other on" if n > 1 else "On"
    if ahead:
        wait = f"{key} is busy: {'they wait' if n > 1 else 'waits'} behind {ahead} run{'s' if ahead > 1 else ''}"
        return f"One after the other · {wait}" if n > 1 else wait
    done = f" · done at {in_seconds(n * cost.seconds)} if started now" if cost.seconds else ""
    return f"{one_by_one} {key}, which is free{done}"


def _resolved(device: str) -> str:
    try:
        return resolve_device(device)
    except MollensError:
        return device


def _facts(found: Preview, cost: Expected, n: int, searched: bool) -> list[Fact]:
    """What the run is in numbers; of a search, the effective sample at the rate of the form."""
    of_all = f"of {number(found.n_split_train)}" if found.n_train < found.n_split_train else "molecules"
    rows = [Fact("Trained on", number(found.n_train), of_all)]
    rows += [Fact("Validation", number(found.n_validation)), Fact("Test", number(found.n_test))]
    if found.left_out:
        rows.append(Fact("Without the target", number(found.left_out)))
    if found.recipe.model == "composition":
        return rows
    rows.append(Fact("Steps each" if n > 1 else "Steps", number(found.steps)))
    size = found.effective_sample_size
    if found.recipe.weighting != "none" and size == size:
        at_rate = f", rate {found.recipe.weight_rate:g}" if searched else ""
        rows.append(Fact(f"Effective sample{at_rate}", number(size), percent(size / max(found.n_train, 1))))
    if cost.seconds is not None:
        rows.append(Fact("Time each" if n > 1 else "Time", duration(cost.seconds)))
        if n > 1:
            rows.append(Fact("Time in all", duration(n * cost.seconds)))
    if cost.memory is not None:
        rows.append(Fact("Memory", number(cost.memory / 1e9, 1), "GB"))
    return rows


def start(
    plans: Sequence[Plan], dataset: Dataset, device: str, n_devices: int, logs: list[str], engine: str = "eager"
) -> None:
    """Make the runs, start their jobs and go to the first; what cannot be done is a sentence."""
    made: list[str] = []
    try:
        present = load_dataset(dataset.name)
        if present.card.sha256 != dataset.card.sha256:
            raise MollensError(f"dataset {dataset.name}: it has changed since this page was shown; look at it again")
        for plan in plans:
            run = create_run(plan.recipe, present, plan.name, device, n_devices, logs, engine)
            start_job(run)
            made.append(run.id)
    except (MollensError, OSError) as error:
        begun = f"{len(made)} of {len(plans)} runs are started. " if made else ""
        st.error(plain(f"{begun}{error}"), icon=":material/error:")
        return
    style_of(made[0])
    st.switch_page(RUNS, query_params={"run": made[0]})
