// One page of a table that the server sorts. Texts come from data and go in through textContent only.

function made(tag, className, text, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const box = parentElement.querySelector(".table");
  for (const [name, value] of Object.entries(data.colours)) box.style.setProperty("--" + name, value);
  box.style.height = data.height + "px";
  const content = JSON.stringify([data.columns, data.rows, data.sort, data.descending]);
  if (box.dataset.content !== content) {
    box.dataset.content = content;
    fill(box, data, setTriggerValue);
    if (box.dataset.page !== String(data.first)) box.scrollTop = 0;
    box.dataset.page = String(data.first);
  }
  for (const row of box.querySelectorAll("tbody tr")) {
    const selected = row.dataset.id === data.selected;
    row.classList.toggle("selected", selected);
    row.setAttribute("aria-selected", String(selected));
    row.tabIndex = selected ? 0 : -1;
    if (selected && box.dataset.selected !== data.selected) {
      const head = box.querySelector("thead").offsetHeight;
      if (row.offsetTop - head < box.scrollTop) box.scrollTop = row.offsetTop - head;
      else if (row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight)
        box.scrollTop = row.offsetTop + row.offsetHeight - box.clientHeight;
    }
  }
  box.dataset.selected = data.selected;
  box.dataset.ready = "1";
}

function fill(box, data, setTriggerValue) {
  const table = document.createElement("table");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", data.label);
  const head = made("tr", "", null, made("thead", "", null, table));
  for (const column of data.columns) {
    const cell = made("th", column.text ? "text" : "", null, head);
    cell.scope = "col";
    const sorted = column.key === data.sort;
    cell.setAttribute("aria-sort", sorted ? (data.descending ? "descending" : "ascending") : "none");
    const button = made("button", "", null, cell);
    button.title = column.help;
    button.dataset.key = column.key;
    made("span", "", column.label, button);
    if (column.unit) made("i", "", column.unit, button);
    made("b", "", sorted ? (data.descending ? "↓" : "↑") : "", button);
    button.onclick = () => setTriggerValue("sorted", column.key);
  }
  const body = made("tbody", "", null, table);
  for (const [id, ...texts] of data.rows) {
    const row = made("tr", "", null, body);
    row.dataset.id = id;
    texts.forEach((text, i) => {
      const cell = made("td", data.columns[i].text ? "text" : "", text ?? "no value", row);
      if (text === null) cell.classList.add("missing");
      if (data.columns[i].text) cell.title = text ?? "";
    });
    row.onclick = () => setTriggerValue("picked", id);
    row.onkeydown = (event) => {
      const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
      if (next) {
        next.focus();
        setTriggerValue("picked", next.dataset.id);
      } else if (event.key === "Enter") setTriggerValue("picked", id);
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
  }
  box.replaceChildren(table);
}
