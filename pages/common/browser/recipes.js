// Recipes in sections that fold; one recipe is selected. Texts come from data and go in through textContent only.

function element(tag, className, text, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

const states = new WeakMap(); // which sections are open, for as long as the list is on the page

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const list = parentElement.querySelector(".recipes");
  for (const [name, value] of Object.entries(data.colours)) list.style.setProperty("--" + name, value);
  list.setAttribute("aria-label", data.label);
  const state = states.get(list) ?? { open: new Set(data.open), selected: null };
  states.set(list, state);
  const home = data.groups.find((group) => group.rows.some((row) => row.id === data.selected));
  const moved = state.selected !== data.selected;
  if (moved && home) state.open.add(home.name);
  state.selected = data.selected;
  const focused = parentElement.activeElement?.dataset?.id;
  const scrolled = list.scrollTop;
  list.replaceChildren();
  for (const group of data.groups) addSection(list, group, data, state, setTriggerValue);
  const rows = () => [...list.querySelectorAll(".section.open .recipe")];
  list.onkeydown = (event) => {
    const at = rows().indexOf(parentElement.activeElement);
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") rows()[at].click();
    else if (event.key === "ArrowDown") rows()[at + 1]?.focus();
    else if (event.key === "ArrowUp") rows()[at - 1]?.focus();
    else return;
    event.preventDefault();
  };
  list.scrollTop = scrolled;
  const chosen = list.querySelector(".selected");
  if (moved && chosen) show(list, chosen);
  if (focused) list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  list.dataset.ready = "1";
}

// Scroll the list, never the page, until the row is in sight.
function show(list, row) {
  const box = list.getBoundingClientRect();
  const at = row.getBoundingClientRect();
  if (at.top < box.top + 32) list.scrollTop += at.top - box.top - 40;
  else if (at.bottom > box.bottom) list.scrollTop += at.bottom - box.bottom + 8;
}

function addSection(list, group, data, state, setTriggerValue) {
  const section = element("div", "section", null, list);
  const head = element("button", "head", null, section);
  head.type = "button";
  element("i", "", null, head);
  element("span", "", group.name, head);
  element("b", "", String(group.rows.length), head);
  const items = element("div", "items", null, section);
  items.setAttribute("role", "listbox");
  items.setAttribute("aria-label", group.name);
  const fold = () => {
    const open = state.open.has(group.name);
    section.classList.toggle("open", open);
    head.setAttribute("aria-expanded", String(open));
  };
  head.onclick = () => {
    if (!state.open.delete(group.name)) state.open.add(group.name);
    fold();
  };
  fold();
  for (const item of group.rows) {
    const row = element("div", "recipe", null, items);
    row.dataset.id = item.id;
    row.tabIndex = 0;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(item.id === data.selected));
    row.classList.toggle("selected", item.id === data.selected);
    element("div", "title", item.title, row);
    if (item.below) element("div", "below", item.below, row);
    if (item.more && item.id === data.selected) element("div", "more", item.more, row);
    row.onclick = () => setTriggerValue("picked", item.id);
  }
}
