export default function (component) {
  const { data, parentElement } = component;
  const list = parentElement.querySelector(".gallery");
  list.mollens = component;
  setColours(list, data.colours);
  list.style.setProperty("--columns", data.columns);
  list.style.setProperty("--smallest", typeof data.smallest === "number" ? data.smallest + "px" : data.smallest);
  list.style.setProperty("--height", data.height + "px");

  // The same molecules with other words or in another size keep their drawings.
  const signature = JSON.stringify([data.items.map((item) => [item.id, item.molecule, item.picture]), data.look]);
  if (list.dataset.signature !== signature) {
    list.dataset.signature = signature;
    for (const old of list.querySelectorAll(".view")) forget(old);
    list.replaceChildren();
    for (const item of data.items) draw(list, addCard(list, item), item, data);
  }
  data.items.forEach((item, i) => write(list.children[i], item));
  const cards = [...list.children];
  const chosen = cards.find((card) => card.dataset.id === data.selected);
  const stop = cards.find((card) => card.matches(":focus")) ?? chosen ?? cards[0];
  for (const card of cards) {
    card.classList.toggle("selected", card === chosen);
    card.setAttribute("aria-selected", String(card === chosen));
    card.tabIndex = card === stop ? 0 : -1; // one stop for the tab key; arrows go on from there
  }
  if (chosen && list.dataset.shown !== data.selected) {
    list.dataset.shown = data.selected;
    list.scrollLeft = chosen.offsetLeft - (list.clientWidth - chosen.clientWidth) / 2;
  }
  return () => {
    for (const host of list.querySelectorAll(".view")) forget(host);
  };
}

function addCard(list, item) {
  const card = element("div", "card", null, list);
  card.dataset.id = item.id;
  card.setAttribute("role", "option");
  const head = element("div", "head", null, card);
  element("span", "title", null, head);
  element("span", "right", null, head);
  element("div", "view", null, card).setAttribute("role", "img");
  element("div", "bar", null, card);
  element("div", "lines", null, card);
  const pick = () => list.mollens.setTriggerValue("picked", item.id);
  card.onclick = () => {
    card.focus({ preventScroll: true });
    pick();
  };
  card.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") pick();
    else if (!walk(list, card, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return card;
}

// Move the focus as the arrow keys say; whether the key means a place at all.
function walk(list, card, key) {
  const cards = [...list.children];
  const columns = Math.max(1, cards.filter((other) => other.offsetTop === cards[0].offsetTop).length);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
  const place = key === "Home" ? 0 : key === "End" ? cards.length - 1 : step && cards.indexOf(card) + step;
  if (place === undefined) return false;
  const next = cards[place];
  if (next) {
    for (const other of cards) other.tabIndex = other === next ? 0 : -1;
    next.focus();
  }
  return true;
}

function write(card, item) {
  card.querySelector(".title").textContent = item.title;
  card.querySelector(".right").textContent = item.right;
  card.querySelector(".view").setAttribute("aria-label", item.label);
  card.setAttribute("aria-label", [item.label, item.title, item.right].filter(Boolean).join(", "));
  const bar = card.querySelector(".bar");
  bar.replaceChildren();
  bar.hidden = item.bar === null;
  if (item.bar !== null) element("i", "", null, bar).style.width = 100 * item.bar + "%";
  const lines = card.querySelector(".lines");
  lines.replaceChildren();
  for (const line of item.lines) element("div", "line", line, lines).title = line;
}

function draw(list, card, item, data) {
  const host = card.querySelector(".view");
  if (item.picture !== null) return showFlat(host, item.picture);
  if (!hasWebGL()) {
    tellFlat(list, NO_WEBGL);
    return showFlat(host, item.flat);
  }
  load3Dmol(data.scripts)
    .then(() =>
      inTurn(() => {
        if (host.isConnected) drawMolecule(host, item.molecule, data.look, null);
      }),
    )
    .catch(() => {
      tellFlat(list, NOT_LOADED);
      showFlat(host, item.flat);
    });
}

function showFlat(host, picture) {
  host.replaceChildren();
  if (picture) element("img", "", null, host).src = picture;
  else element("div", "message", "no structural formula", host);
  host.dataset.flat = "1";
}

// One sentence for all of them.
function tellFlat(list, text) {
  const remark = list.parentElement.querySelector(".remark");
  setColours(remark, list.mollens.data.colours);
  remark.textContent = text + " Structural formulas are shown instead.";
  remark.hidden = false;
}
