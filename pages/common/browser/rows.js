// A list of rows in groups; one is selected. Texts come from data and go in through textContent only.

function element(tag, className, text, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

function sparkline(values, span, colour) {
  const width = 72;
  const height = 18;
  const logs = values.map((v) => Math.log(Math.max(v, 1e-12)));
  const low = Math.min(...logs);
  const high = Math.max(...logs);
  const points = logs.map((y, i) => [
    2 + (i / Math.max(span - 1, 1)) * (width - 6),
    height - 3 - ((y - low) / (high - low || 1)) * (height - 6),
  ]);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.map((p) => p.join(",")).join(" "));
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", colour);
  line.setAttribute("stroke-width", "1.4");
  line.setAttribute("stroke-linejoin", "round");
  const end = document.createElementNS(SVG, "circle");
  end.setAttribute("cx", points[points.length - 1][0]);
  end.setAttribute("cy", points[points.length - 1][1]);
  end.setAttribute("r", "2");
  end.setAttribute("fill", colour);
  svg.append(line, end);
  return svg;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const list = parentElement.querySelector(".rows");
  for (const [name, value] of Object.entries(data.colours)) list.style.setProperty("--" + name, value);
  list.setAttribute("aria-label", data.label);
  list.classList.toggle("wrap", data.wrap);
  const focused = parentElement.activeElement?.dataset?.id;
  list.replaceChildren();
  const rows = [];
  for (const group of data.groups) {
    const head = element("div", "group", null, list);
    element("span", "", group.name, head);
    element("span", "", group.right ?? "", head);
    for (const item of group.rows) rows.push(addRow(list, item, data, setTriggerValue));
  }
  rows.forEach((row, i) => {
    row.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") row.click();
      else if (event.key === "ArrowDown") rows[i + 1]?.focus();
      else if (event.key === "ArrowUp") rows[i - 1]?.focus();
      else return;
      event.preventDefault();
    };
    if (row.dataset.id === focused) row.focus();
  });
  list.dataset.ready = "1";
}

function addRow(list, item, data, setTriggerValue) {
  const row = element("div", "row", null, list);
  row.dataset.id = item.id;
  row.tabIndex = 0;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", String(item.id === data.selected));
  row.classList.toggle("selected", item.id === data.selected);
  element("div", "title", item.title, row).title = item.title;
  const value = element("div", "value", item.value ?? "", row);
  if (item.unit) element("i", "", " " + item.unit, value);
  const below = element("div", "below", null, row);
  if (item.dot) element("i", "", null, below).style.background = item.dot;
  element("span", "", item.below, below).title = item.below;
  const right = element("div", "right", null, row);
  if (item.curve && item.curve.length > 1) right.appendChild(sparkline(item.curve, item.span, item.stroke));
  if (item.progress !== null && item.progress !== undefined) {
    const bar = element("div", "bar", null, row);
    const fill = element("b", "", null, bar);
    fill.style.width = 100 * item.progress + "%";
    fill.style.background = item.stroke;
  }
  row.onclick = () => setTriggerValue("picked", item.id);
  return row;
}
