"""Commands that ask a trained network: look-inside, and predict-molecules for molecules of one's own; and their tasks.

The network is asked by `core.train`, its answers are judged by `core.judge`; the two meet here and in the run folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from core.cli.options import Json, RunName
from core.cli.output import print_json, print_table, progress_bar
from core.data.own_molecules import read_own, write_answer
from core.data.store import Dataset, open_dataset
from core.errors import MollensError
from core.files import write_array
from core.judge.inspect.distances_seen import distances_seen
from core.judge.inspect.nearest import neighbours_of
from core.judge.inspect.own_molecules import Answers, judged
from core.runs.folder import Run, open_run
from core.runs.inside import Inside, InsideDraft, inside_draft, inside_state, read_inside
from core.runs.predictions import TRAIN, read_predictions
from core.tasks import Progress

DatasetName = Annotated[str | None, typer.Option("--dataset", help="a dataset that the run has predicted; its own")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N")]


def add_commands(app: typer.Typer) -> None:
    """Put the commands of this file into `app`."""
    app.command("look-inside")(look_inside)
    app.command("predict-molecules")(predict_molecules)


def look_inside(run: RunName, dataset: DatasetName = None, device: Device = "auto", json: Json = False) -> None:
    """Compute latents, contributions of atoms and nearest training molecules of all that a run has predicted."""
    found = open_run(run)
    name = dataset or found.dataset_name
    with progress_bar(f"inside {found.name}") as update:
        told = make_inside(found, name, device, update)
    if json:
        print_json(told)
        return
    print(f"{found.name} ({found.id}): looked at {told['n']:,} molecules of {name}, {told['n_features']} features")
    for key in ("why_no_contributions", "why_no_nearest"):
        if told[key]:
            print(f"  {told[key]}")


def make_inside(run: Run, dataset: str, device: str, progress: Progress) -> dict[str, Any]:
    """Look inside the network of a run for a dataset, and for its own one first where nearest molecules need that.

    Raises:
        MollensError: see `core.train.inside.compute_inside`.
    """
    from core.train.device import choose_device  # torch is imported by the commands that compute
    from core.train.inside import compute_inside, with_network

    with_network(run)  # refused before anything is done
    opened, chosen = open_dataset(dataset), choose_device(device)
    own, why = _own_inside(run, opened, chosen, progress)
    with inside_draft(run, dataset) as draft:
        compute_inside(run, opened, draft, chosen, progress)
        _add_nearest(run, opened, draft, own, why, progress)
    inside = read_inside(run, dataset)
    if inside is None:
        raise MollensError(f"{run.what}: its weights or predictions for {dataset} have changed meanwhile; look again")
    return {
        "run": run.name, "id": run.id, "dataset": dataset, "n": len(inside.ids),
        "n_features": int(inside.latents.shape[1]), "why_no_contributions": inside.why_no_contributions,
        "nearest_in": inside.nearest_in or None, "why_no_nearest": inside.why_no_nearest,
    }  # fmt: skip


def _own_inside(run: Run, opened: Dataset, device: str, progress: Progress) -> tuple[Inside | None, str]:
    """For another dataset than the run's own: what is inside for that one, made where it is missing; or why not."""
    if opened.name == run.dataset_name:
        return None, ""
    try:
        if inside_state(run) != "ready":
            make_inside(run, run.dataset_name, device, progress)
        return read_inside(run), ""
    except MollensError as error:
        return None, str(error)


def _add_nearest(
    run: Run, opened: Dataset, draft: InsideDraft, own: Inside | None, why: str, progress: Progress
) -> None:
    """Nearest training molecules, or why there are none, into the draft."""
    stored, of_own = read_predictions(run, opened.name), read_predictions(run)
    latents = np.load(draft.folder / "latents.npy", mmap_mode="r")
    is_own = opened.name == run.dataset_name
    own_latents = latents if is_own else None if own is None else own.latents
    if own_latents is None or of_own is None or stored is None:
        draft.about["why_no_nearest"] = why or f"there are no predictions for {run.dataset_name}"
        return
    own_codes = np.asarray(of_own.split)
    if not (own_codes == TRAIN).any():
        draft.about["why_no_nearest"] = "it is not known which molecules the model was trained on"
        return
    nearest, apart = neighbours_of(latents, np.asarray(stored.split), own_latents, own_codes, progress=progress)
    write_array(draft.folder / "nearest.npy", nearest)
    write_array(draft.folder / "nearest_distance.npy", apart)
    draft.about["nearest_in"] = run.dataset_name
    if is_own:
        rows = opened.molecules.rows_of(np.asarray(of_own.ids)[own_codes == TRAIN])

        def tell(done: int, total: int) -> None:
            progress(done, total, "measuring distances in the training molecules")

        write_array(draft.folder / "distances_seen.npy", distances_seen(opened.molecules, rows, tell))


def predict_molecules(
    run: RunName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="xyz or extended xyz, one or several molecules")],
    lengths: Annotated[str, typer.Option(help="unit of the coordinates: Angstrom, Bohr or nm")] = "Angstrom",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Predict molecules of one's own, with the nearest training molecules and what speaks against trusting it."""
    found = open_run(run)
    with progress_bar(f"prediction by {found.name}") as update:
        content = ask(found, file, lengths, device, update)[0]
    if json:
        print_json(content)
        return
    _print_answer(content)


def ask(run: Run, path: Path, lengths: str, device: str, progress: Progress) -> tuple[dict[str, Any], Any]:
    """What a run says about the molecules of a file: the answer and the molecules.

    Raises:
        MollensError: for a file or run that cannot be used.
    """
    own = read_own(path, lengths)
    from core.train.device import choose_device
    from core.train.own_molecules import foretell

    chosen = choose_device(device)
    progress(0, own.molecules.n_molecules, "asking the network")
    told = foretell(run, own.molecules, chosen)
    answers = Answers(told.predicted, told.baseline, told.latents, told.refused, own.remarks, own.labels)
    dataset, inside, why = _surroundings(run, chosen, progress)
    stored = read_predictions(run) if inside is not None else None
    content = judged(run, own.molecules, answers, dataset, inside, stored, why)
    return {**content, "file": path.name, "lengths": lengths, "notes": list(own.notes)}, own.molecules


def _surroundings(run: Run, device: str, progress: Progress) -> tuple[Dataset | None, Inside | None, str]:
    """The run's own dataset and what is inside the network for it, made where it is missing; or why there is none."""
    try:
        if inside_state(run) != "ready":
            make_inside(run, run.dataset_name, device, progress)
        inside = read_inside(run)
        return open_dataset(run.dataset_name), inside, inside.why_no_nearest if inside is not None else ""
    except MollensError as error:
        return None, None, str(error)


def inside_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `inside`: look inside the network of a run."""
    run = open_run(str(arguments["run"]))
    dataset = str(arguments.get("dataset") or run.dataset_name)
    return make_inside(run, dataset, str(arguments.get("device", "auto")), progress)


def predict_molecules_task(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The task `predict-molecules`: predict an upload and keep the answer."""
    run, token = open_run(str(arguments["run"])), str(arguments["token"])
    lengths, device = str(arguments.get("lengths", "Angstrom")), str(arguments.get("device", "auto"))
    content, molecules = ask(run, Path(str(arguments["file"])), lengths, device, progress)
    write_answer(token, content, molecules)
    return {"token": token, "n": content["n"], "n_refused": content["n_refused"], "n_warned": content["n_warned"]}


def _print_answer(content: dict[str, Any]) -> None:
    unit = content["unit"]
    print(f"{content['run']}: {content['n']:,} molecules of {content['file']}, {content['target']} in {unit}\n")
    rows = []
    for entry in content["molecules"]:
        expected, share = entry["expected"], entry["percentile"]
        rows.append(
            (
                entry["place"],
                entry["formula"],
                entry["n_atoms"],
                "" if entry["predicted"] is None else f"{entry['predicted']:.4f}",
                "" if entry["baseline"] is None else f"{entry['baseline']:.4f}",
                "" if expected is None or not entry["like_the_dataset"] else f"{expected['mae']:.4f}",
                "" if share is None else f"{100 * share:.1f} %",
                entry["nearest"][0]["id"] if entry["nearest"] else "",
                entry["refused"] or "; ".join(warning["text"] for warning in entry["warnings"]),
            )
        )
    heads = ("", "formula", "atoms", "predicted", "baseline", "usual error", "farther than", "nearest", "remarks")
    print_table(heads, rows)
    for text in (*content["notes"], content["why_no_nearest"]):
        if text:
            print(f"\n{text}")
