"""What was trained: the way of the data, the network with its sizes, and the command that repeats it."""

from __future__ import annotations

import json

import streamlit as st

from core.data.store import Dataset
from core.errors import MollensError
from core.figures.numbers import number
from core.figures.training_way import NETWORKS, way_of
from core.judge.reporting.report_hashes import repeat_command
from core.recipes.network_sizes import Block, NetworkSizes, network_sizes
from core.runs.folder import Run
from core.runs.log import log_tail
from pages.common.appearance import plain, safe
from pages.common.furniture import Step, card, card_head, steps
from pages.train.parts.run_foreign import is_foreign, load_again, show_origin, what_it_adds

LOG_LINES = 60


def show_way(run: Run, dataset: Dataset | None) -> None:
    """The cards of what was trained."""
    sizes = _sizes(run, dataset)
    if is_foreign(run):
        show_origin(run, sizes.total if sizes else None)
    else:
        with card("trained"), st.container(key="trained_way"):
            card_head("What was trained", "The way of the data into this run, and how many molecules go on", "way")
            way = way_of(run, dataset, sizes.total if sizes else None)
            steps([Step(one.label, one.value, one.lines, one.on) for one in way])
    if sizes is not None:
        with card("network"):
            _show_network(run, sizes)
    if is_foreign(run):
        if again := load_again(run):
            with st.expander("The command that loads it again", icon=":material/terminal:"):
                st.code(again, language="bash", wrap_lines=True)
        return
    with st.expander("The command that repeats this run", icon=":material/terminal:"):
        st.code(repeat_command(run), language="bash", wrap_lines=True)
        told = run.recipe_file.get("versions", {})
        st.caption(" · ".join(f"{plain(name)} {plain(version)}" for name, version in told.items()))


def _model_file(run: Run) -> dict[str, object]:
    try:
        content = json.loads((run.path / "model.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _sizes(run: Run, dataset: Dataset | None) -> NetworkSizes | None:
    """The network as blocks; as its model file counts it, once there is one."""
    values = run.recipe_values
    if values.get("model") not in NETWORKS:
        return None
    told = _model_file(run)
    network, total = told.get("network"), told.get("n_parameters")
    pooling = network.get("pooling") if isinstance(network, dict) else None
    if pooling is None and dataset is not None:
        try:
            pooling = dataset.property(run.target).output
        except MollensError:
            pooling = None
    return network_sizes({**values, "pooling": pooling or "sum"}, total if isinstance(total, int) else None)


def _show_network(run: Run, sizes: NetworkSizes) -> None:
    reference = {"composition": "+ linear fit of atom counts", "atomic_energies": "+ atomic energies"}
    extensive = sizes.blocks[-1].what.startswith("sum")
    last = reference.get(str(run.recipe_values.get("reference")), "") if extensive else "+ its mean"
    if is_foreign(run):
        last = what_it_adds(run)
    caption = (
        f"{NETWORKS[sizes.kind]} with {number(sizes.learned)} learned numbers, and {number(sizes.fixed)} fixed ones in "
        "the Gaussians and the cutoff"
    )
    card_head("The network", caption, "network")
    names = [block.name for block in sizes.blocks]
    cells = [_block(block) for block in sizes.blocks]
    split = names.index("Output network")
    unit = str(run.recipe_file.get("unit", ""))
    added = f"times its scale{', plus ' + safe(last.removeprefix('+ ')) if last else ''}"
    shape = f"molecules × 1{', ' + safe(unit) if unit else ''}"
    cells.append(f'<div class="plainly"><b>Target</b><span>{added}</span><em>{shape}</em></div>')
    rows = "".join(f"<section>{''.join(row)}</section>" for row in (cells[:split], cells[split:]))
    st.html(f'<div class="mo-network">{rows}</div>')


def _block(block: Block) -> str:
    """One box of the diagram; every text is escaped."""
    times = f' <i class="times">× {block.repeats}</i>' if block.repeats > 1 else ""
    rows = "".join(
        f"<tr><td>{safe(layer.name)}</td><td>{safe(layer.shape)}</td><td>{number(layer.parameters)}</td></tr>"
        for layer in block.layers
    )
    if block.parameters:
        total = f"{number(block.parameters)} numbers"
        if block.repeats > 1:
            total = f"{number(block.repeats)} × {number(block.each)} = {total}"
    else:
        total = f"{number(block.fixed)} fixed numbers" if block.fixed else "no numbers"
    table = f"<table>{rows}</table>" if rows else ""
    kind = "stack" if block.repeats > 1 else "" if block.parameters else "plainly"
    return (
        f'<div class="{kind}"><b>{safe(block.name)}{times}</b><span>{safe(block.what)}</span>{table}'
        f"<u>{safe(total)}</u><em>{safe(block.out)}</em></div>"
    )


def show_log(run: Run) -> None:
    """The last lines of the job's output."""
    lines = [] if run.shipped else log_tail(run, LOG_LINES)
    if not lines:
        return
    with st.expander("Log", icon=":material/subject:"):
        st.code("\n".join(lines), language=None, wrap_lines=True)
        st.caption(f"At most the last {LOG_LINES} lines; all are in {plain(run.path / 'log.txt')}")
