// A table of runs: sorted and filtered here, in two small buttons of a row it becomes A or B. Texts come from data and
// go in through textContent only.

const SVG = "http://www.w3.org/2000/svg";

function made(tag, className, text, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

// Heights are 0 (least error) to 1; span is how many points the full width stands for.
function sparkline(heights, colour) {
  const width = 92;
  const height = 22;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  const points = heights.map((y, i) => [
    2 + (i / Math.max(heights.length - 1, 1)) * (width - 4),
    height - 3 - y * (height - 6),
  ]);
  line.setAttribute("points", points.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "));
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", colour);
  line.setAttribute("stroke-width", "1.3");
  line.setAttribute("stroke-linejoin", "round");
  svg.append(line);
  return svg;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const box = parentElement.querySelector(".compare-runs");
  for (const [name, value] of Object.entries(data.colours)) box.style.setProperty("--" + name, value);
  const state = (box.state ??= { sort: "", descending: false, filter: "" });
  let input = box.querySelector("input");
  if (!input) {
    const bar = made("div", "bar", null, box);
    input = made("input", "", null, bar);
    input.type = "search";
    input.placeholder = "Filter";
    input.setAttribute("aria-label", "Filter the runs");
    made("span", "count", "", bar);
    made("div", "scroll", null, box);
  }
  box.classList.toggle("few", data.rows.length < 6);
  box.send = setTriggerValue; // what was drawn before must not speak through a component that is gone
  const draw = () => fill(box, data, state, (name, value) => box.send(name, value), draw);
  input.oninput = () => {
    state.filter = input.value;
    draw();
  };
  const content = JSON.stringify(data);
  if (box.content !== content) {
    box.content = content;
    draw(); // only what is new is drawn: a click may be on its way
  }
  box.dataset.ready = "1";
}

function fill(box, data, state, setTriggerValue, draw) {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const place = data.columns.findIndex((column) => column.key === state.sort);
  const rows = data.rows.filter((row) => {
    const text = row.cells.map((cell) => cell.text ?? "").join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  if (place >= 0) rows.sort((one, other) => compare(one.cells[place], other.cells[place], state.descending));
  box.querySelector(".count").textContent = words.length ? `${rows.length} of ${data.rows.length}` : "";

  const table = document.createElement("table");
  table.setAttribute("aria-label", data.label);
  const head = made("tr", "", null, made("thead", "", null, table));
  made("th", "pick", "A  B", head).title = "Make a row A or B";
  for (const column of data.columns) {
    const cell = made("th", column.kind, null, head);
    cell.scope = "col";
    const sorted = column.key === state.sort;
    cell.setAttribute("aria-sort", sorted ? (state.descending ? "descending" : "ascending") : "none");
    const button = made("button", "", null, cell);
    button.title = column.help;
    button.dataset.key = column.key;
    made("span", "", column.label, button);
    if (column.unit) made("i", "", column.unit, button);
    if (sorted) made("b", "", state.descending ? "↓" : "↑", button);
    button.onclick = () => {
      state.descending = sorted ? !state.descending : false;
      state.sort = column.key;
      draw();
    };
  }
  const body = made("tbody", "", null, table);
  for (const item of rows) {
    const row = made("tr", item.side ? "picked" : "", null, body);
    row.dataset.id = item.id;
    const pick = made("td", "pick", null, row);
    for (const letter of ["A", "B"]) {
      const button = made("button", item.side === letter ? "on" : "", letter, pick);
      button.setAttribute("aria-pressed", String(item.side === letter));
      button.title = item.side === letter ? `This is ${letter}` : `Make this ${letter}`;
      if (item.side === letter) button.style.setProperty("--own", item.colour);
      button.onclick = () => item.side !== letter && setTriggerValue("picked", `${letter} ${item.id}`);
    }
    item.cells.forEach((cell, i) => {
      const column = data.columns[i];
      const td = made("td", `${column.kind} ${cell.tone === "few" ? "few" : ""}`, null, row);
      if (cell.curve && cell.curve.length > 1) td.appendChild(sparkline(cell.curve, item.colour || data.colours.muted));
      else if (column.kind === "state" && cell.text) made("span", "badge " + (cell.tone ?? ""), cell.text, td);
      else {
        if (column.kind === "name") {
          const mark = made("em", "", item.glyph, td);
          if (item.colour) mark.style.color = item.colour;
          const name = made("strong", "", cell.text, td);
          if (item.colour) name.style.color = item.colour;
        } else made("span", "", cell.text ?? "", td);
        if (cell.small) made("small", "", cell.small, td);
      }
      if (cell.help) td.title = cell.help;
    });
  }
  if (!rows.length) {
    const cell = made("td", "none", "No run has all of these words.", made("tr", "", null, body));
    cell.colSpan = data.columns.length + 1;
  }
  const scroll = box.querySelector(".scroll");
  const left = scroll.scrollLeft;
  scroll.replaceChildren(table);
  scroll.scrollLeft = left;
}

// Numbers by size, words by alphabet, what is missing last.
function compare(one, other, descending) {
  const [a, b] = [one.sort ?? null, other.sort ?? null];
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return descending ? -order : order;
}
