export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const list = parentElement.querySelector(".gallery");
  setColours(list, data.colours);
  list.style.setProperty("--columns", data.columns);
  list.style.setProperty("--smallest", typeof data.smallest === "number" ? data.smallest + "px" : data.smallest);
  list.style.setProperty("--height", data.height + "px");

  const signature = JSON.stringify([data.items, data.look]);
  if (list.dataset.signature !== signature) {
    list.dataset.signature = signature;
    for (const old of list.querySelectorAll(".view")) forget(old);
    list.replaceChildren();
    for (const item of data.items) addCard(list, item, data, setTriggerValue);
  }
  for (const card of list.children) {
    const selected = card.dataset.id === data.selected;
    card.classList.toggle("selected", selected);
    card.setAttribute("aria-selected", String(selected));
  }
  return () => {
    for (const host of list.querySelectorAll(".view")) forget(host);
  };
}

function addCard(list, item, data, setTriggerValue) {
  const card = element("div", "card", null, list);
  card.dataset.id = item.id;
  card.tabIndex = 0;
  card.setAttribute("role", "option");
  const head = element("div", "head", null, card);
  element("span", "title", item.title, head);
  element("span", "right", item.right ?? "", head);
  const host = element("div", "view", null, card);
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", item.label);
  for (const line of item.lines ?? []) element("div", "line", line, card).title = line;

  const pick = () => setTriggerValue("picked", item.id);
  card.onclick = pick;
  card.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pick();
    }
    if (event.key === "ArrowRight") card.nextElementSibling?.focus();
    if (event.key === "ArrowLeft") card.previousElementSibling?.focus();
  };
  if (item.picture !== null) {
    const picture = item.picture ? element("img", "", null, host) : element("div", "message", "no structural formula", host);
    if (item.picture) picture.src = item.picture;
    return;
  }
  load3Dmol(data.scripts)
    .then(() =>
      inTurn(() => {
        if (host.isConnected) drawMolecule(host, item.molecule, data.look, null);
      }),
    )
    .catch(() => say(host, NOT_LOADED));
}
