"""One file on its way to a dataset: what was recognised, what its columns are, what it is called, and the import."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import streamlit as st

from core.data.adding import import_command
from core.data.importers import About, ColumnMap, Inspection, inspect
from core.data.properties import PROPERTIES
from core.data.uploads import find_upload, remove_upload, save_upload, upload_key
from core.errors import MollensError
from core.figures.numbers import number
from core.tasks import start_task
from pages.common.appearance import plain
from pages.common.furniture import Fact, card, card_head, facts, note
from pages.explore.parts.add_mapping import Mapping, mapping_card
from pages.explore.parts.add_name import name_field
from pages.explore.parts.add_source import forget_source, size_text

_LIST = "_add_list"  # the uploaded list of ids, by source


def import_file_card(path: Path) -> None:
    """Everything about the chosen file, down to the button."""
    stamp = path.stat()
    source = hashlib.sha256(f"{path}{stamp.st_mtime_ns}{stamp.st_size}".encode()).hexdigest()[:12]
    inspection: Inspection | None = None
    fault = ""
    try:
        inspection = _inspect(str(path), stamp.st_mtime_ns, stamp.st_size)
    except MollensError as error:
        fault = str(error).replace(str(path), path.name)
    with card("found", gap="small"):
        show_found(path, inspection, fault)
    if inspection is None:
        return
    if inspection.needs_mapping and inspection.columns:
        mapping = mapping_card(inspection, source)
    else:
        mapping = Mapping(ColumnMap(lengths=inspection.lengths or "Angstrom") if inspection.needs_mapping else None)
        if inspection.columns:
            show_stated(inspection)
    with card("details", gap="small"):
        show_details(path, inspection, mapping, source)


@st.cache_data(max_entries=16, show_spinner="Looking into the file")
def _inspect(path: str, mtime: int, size: int) -> Inspection:
    return inspect(Path(path))


@st.cache_data(max_entries=32, show_spinner="Checking the numbers")
def _warnings(path: str, mtime: int, size: int, columns: str) -> tuple[str, ...]:
    from core.data.importers import check_mapping

    return tuple(check_mapping(Path(path), ColumnMap.model_validate_json(columns)))


def show_found(path: Path, inspection: Inspection | None, fault: str) -> None:
    """The file, its format, and the way to another one."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        with st.container(gap=None, width="stretch", key="head_found"):
            st.subheader(plain(path.name), anchor=False)
        if st.button("Another file", icon=":material/undo:", type="tertiary", key="add_other"):
            remove_upload(path)
            forget_source()
            st.rerun()
    if inspection is None:
        note(f"**Not recognised.** {plain(fault)}", "found", "failed")
        return
    size = path.stat().st_size if path.is_file() else None
    known = inspection.n_molecules
    st.markdown(f"Recognised as **{plain(inspection.title)}**")
    facts(
        [
            Fact("Molecules", number(known) if known is not None else "counted on import"),
            *([Fact("Size", size_text(size))] if size is not None else []),
            *([Fact("Columns", number(len(inspection.columns)))] if inspection.columns else []),
        ]
    )
    told = [plain(text) for text in inspection.notes if not text.startswith("coordinates:")]
    if told:
        st.caption("  \n".join(told))


def show_stated(inspection: Inspection) -> None:
    """Columns of a file that says itself what they are."""
    with st.expander(
        f"{number(len(inspection.columns))} columns, as the file states them", icon=":material/table_rows:"
    ):
        rows = []
        for column in inspection.columns:
            key = column.guess.key if column.guess else ""
            rows.append(
                {
                    "column": column.name,
                    "property": PROPERTIES[key].label if key in PROPERTIES else key or "left out",
                    "unit in the file": (column.guess.unit if column.guess else "") or column.stated_unit or "",
                    "first values": column.example,
                }
            )
        st.dataframe(rows, hide_index=True, width="stretch")


def show_details(path: Path, inspection: Inspection, mapping: Mapping, source: str) -> None:
    """Name, list of ids, what is said about the dataset, warnings, and the button."""
    card_head("What will it be called?", "", "details")
    left, right = st.columns([2, 3], gap="medium", vertical_alignment="top")
    with left:
        name = name_field(path.name, source)
    with right:
        title = st.text_input("Title", key=f"add_title_{source}", max_chars=120, placeholder="as the file is called")
    about = ask_about(mapping, source, title)
    exclude, flag = ask_list(source)
    columns = mapping.columns if inspection.needs_mapping else None
    if columns is not None and not mapping.missing:
        show_warnings(path, columns)
    nothing = inspection.needs_mapping and columns is not None and not columns.columns
    if nothing and inspection.columns:
        note(
            "No column is used: the molecules can be looked at, but nothing can be trained on them.",
            "nothing",
            "notice",
        )
    arguments: dict[str, Any] = {
        "source": str(path), "name": name, "format": inspection.format, "index": True,
        "exclude": str(exclude) if exclude else None, "flag": str(flag) if flag else None,
        "columns": columns.model_dump(mode="json") if columns is not None else None,
        "about": about.model_dump(exclude_none=True) or None,
    }  # fmt: skip
    ready = name is not None and not mapping.missing
    if st.button(
        "Import without any property" if nothing and inspection.columns else "Import",
        type="primary" if ready else "secondary", icon=":material/add:", disabled=not ready, key="add_import",
    ):  # fmt: skip
        start(path, arguments)
    if name is not None and not mapping.missing and not nothing:
        file = path.name if upload_key(path) else str(path)
        st.code(import_command(file, name, columns, about, exclude, flag), language="bash", wrap_lines=True)


def ask_about(mapping: Mapping, source: str, title: str) -> About:
    """What is known about the data; all of it may be left empty."""
    with st.expander("Level of theory, citation, licence", icon=":material/description:"):
        grid = st.grid(2, min_column_width=220, gap="small")
        values: dict[str, str | None] = {}
        for field, label, hint in (
            ("level_of_theory", "Level of theory", "e.g. B3LYP/6-31G(2df,p)"),
            ("license", "Licence", "e.g. CC0-1.0"),
            ("citation", "Citation", "authors, journal, year, doi"),
            ("description", "Description", "what these molecules are"),
        ):
            values[field] = grid.cell().text_input(
                label, key=f"add_{field}_{source}", placeholder=hint, max_chars=600
            ).strip() or None  # fmt: skip
        keys = [m.key for m in mapping.columns.columns] if mapping.columns else []
        if keys:
            values["default_target"] = grid.cell().selectbox(
                "What models learn by default", keys, index=None, placeholder="chosen by Mollens",
                format_func=lambda key: PROPERTIES[key].label if key in PROPERTIES else key, key=f"add_target_{source}",
            )  # fmt: skip
    return About(title=title.strip() or None, **values)


def ask_list(source: str) -> tuple[Path | None, Path | None]:
    """A list of ids to leave out or to mark; the first or the second path, or none."""
    with st.expander("Mark molecules or leave them out", icon=":material/playlist_remove:"):
        kept = st.session_state.get(_LIST, {})
        path = find_upload(kept["key"]) if kept.get("source") == source else None
        if path is None:
            uploaded = st.file_uploader(
                "A text file with an id at the beginning of each line, such as QM9's uncharacterized.txt",
                key=f"add_list_{source}",
            )
            if uploaded is None:
                return None, None
            try:
                path = save_upload(uploaded, uploaded.name, uploaded.size, 64 << 20)
                st.session_state[_LIST] = {"source": source, "key": upload_key(path)}
                st.rerun()  # the list stands in place of the field that it came from
            except MollensError as error:
                st.error(plain(error), icon=":material/error:")
                return None, None
        if st.button("Another list, or none", icon=":material/undo:", type="tertiary", key=f"add_list_drop_{source}"):
            remove_upload(path)
            st.session_state.pop(_LIST, None)
            st.session_state.pop(f"add_list_{source}", None)
            st.rerun()
        choice = st.segmented_control(
            f"The ids in {path.name}", ["flag", "exclude"], default="flag", key=f"add_list_use_{source}", required=True,
            format_func={"flag": "are marked as known defects", "exclude": "are left out"}.__getitem__,
        )  # fmt: skip
        try:
            ids = _ids(str(path))
        except MollensError as error:
            st.error(plain(error), icon=":material/error:")
            return None, None
        st.caption(f"{number(ids)} ids")
    return (path, None) if choice == "exclude" else (None, path)


@st.cache_data(max_entries=16, show_spinner=False)
def _ids(path: str) -> int:
    from core.data.importers.exclusion import read_excluded_ids

    return len(read_excluded_ids(Path(path)))


def show_warnings(path: Path, columns: ColumnMap) -> None:
    """What looks wrong in the numbers, before they are imported."""
    stamp = path.stat()
    try:
        found = _warnings(str(path), stamp.st_mtime_ns, stamp.st_size, columns.model_dump_json())
    except MollensError as error:
        note(plain(str(error).replace(str(path), path.name)), "mapping_refused", "failed")
        return
    for k, warning in enumerate(found):
        note(f":material/warning: {plain(warning)}", f"warning_{k}", "notice")


def start(path: Path, arguments: dict[str, Any]) -> None:
    """Start the import in the background and forget the file."""
    try:
        start_task("import", f"Import of {path.name} as {arguments['name']}", arguments)
    except MollensError as error:
        st.error(plain(error), icon=":material/error:")
        return
    forget_source()
    st.rerun()
