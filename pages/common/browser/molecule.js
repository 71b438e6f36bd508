// One molecule with tools: labels, spin, and distances, angles and dihedrals between clicked atoms. All of it happens
// here, without asking the server, and is computed from the coordinates as they are stored.

const SETTINGS = "__mollens_settings"; // the reader's labels and spin, kept from molecule to molecule
const MINUS = "\u2212";

function settings() {
  if (!window[SETTINGS]) window[SETTINGS] = { labels: null, spin: false };
  return window[SETTINGS];
}

const written = (value, decimals) => value.toFixed(decimals).replace(/^-(?=0(\.0*)?$)/, "").replace("-", MINUS);
const columnText = (column, value, decimals) => (column.signed && value > 0 ? "+" : "") + written(value, decimals);
const minus = (a, b) => a.map((x, i) => x - b[i]);
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const norm = (a) => Math.sqrt(dot(a, a));
const degrees = (radians) => (radians * 180) / Math.PI;

function angle(a, b, c) {
  const left = minus(a, b);
  const right = minus(c, b);
  return degrees(Math.atan2(norm(cross(left, right)), dot(left, right)));
}

// Signed as IUPAC has it: positive if, seen from b to c, the far bond is turned clockwise.
function dihedral(a, b, c, d) {
  const axis = minus(c, b);
  const near = cross(minus(b, a), axis);
  const far = cross(axis, minus(d, c));
  return degrees(Math.atan2(dot(cross(near, far), axis) / norm(axis), dot(near, far)));
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".molecule");
  const host = root.querySelector(".view");
  setColours(root, data.colours);
  host.style.height = data.height + "px";
  host.setAttribute("aria-label", data.molecule.title);
  const state = root.mollens ?? prepare(root, host);
  if (state.key !== data.molecule.key) state.picked = [];
  state.key = data.molecule.key;
  state.data = data;
  showTools(root, state);
  tell(root, state);
  load3Dmol(data.scripts)
    .then(() => inTurn(() => host.isConnected && redraw(root, host, state), true))
    .catch(() => say(host, NOT_LOADED, data.molecule.picture));
  return () => {
    forget(host);
    root.mollens = undefined;
  };
}

function prepare(root, host) {
  const state = { picked: [], active: false };
  root.mollens = state;
  // The wheel scrolls the page until the molecule has been clicked.
  host.onpointerdown = () => {
    state.active = true;
    host.focus({ preventScroll: true });
  };
  host.onpointerleave = () => (state.active = false);
  const leaveWheel = (event) => state.active || event.ctrlKey || event.stopPropagation();
  if (!host.dataset.prepared) host.addEventListener("wheel", (event) => root.mollens?.leaveWheel(event), { capture: true });
  state.leaveWheel = leaveWheel;
  host.dataset.prepared = "1";
  root.onkeydown = (event) => {
    if (event.key === "Escape" && state.picked.length) clear(root, host, state);
  };
  root.querySelector(".clear").onclick = () => clear(root, host, state);
  root.querySelector(".spin").onclick = () => {
    settings().spin = !settings().spin;
    showTools(root, state);
    spin(host);
  };
  return state;
}

function clear(root, host, state) {
  state.picked = [];
  redraw(root, host, state);
}

function showTools(root, state) {
  root.querySelector(".spin").setAttribute("aria-pressed", String(settings().spin));
  const list = root.querySelector(".labels");
  list.replaceChildren();
  for (const [key, name] of kinds(state)) {
    const button = element("button", "", name, list);
    button.type = "button";
    button.dataset.labels = key;
    button.setAttribute("aria-pressed", String(labelsOf(state) === key));
    button.onclick = () => {
      settings().labels = key;
      showTools(root, state);
      redraw(root, root.querySelector(".view"), state);
    };
  }
}

// The kinds of labels: key and name. Marks are what the page itself wants to point out.
function kinds(state) {
  const { columns, marks } = state.data.molecule;
  const own = marks.length ? [["marks", "largest"]] : [];
  return [...own, ["off", "off"], ["element", "element"], ["index", "number"], ...columns.map((c) => [c.key, c.label])];
}

function labelsOf(state) {
  const wanted = settings().labels ?? "marks";
  const known = kinds(state).map(([key]) => key);
  return known.includes(wanted) ? wanted : known[0] === "marks" ? "marks" : "off";
}

function labelTexts(state) {
  const molecule = state.data.molecule;
  const kind = labelsOf(state);
  if (kind === "off") return [];
  if (kind === "marks") return molecule.marks;
  const column = molecule.columns.find((c) => c.key === kind);
  return molecule.symbols.map((symbol, atom) => {
    if (kind === "element") return { atom, text: symbol };
    if (kind === "index") return { atom, text: String(atom + 1) };
    const value = column.values[atom];
    return { atom, text: value === null ? "no value" : columnText(column, value, column.decimals) };
  });
}

function redraw(root, host, state) {
  const { molecule, look } = state.data;
  const viewer = drawMolecule(host, { ...molecule, labels: labelTexts(state) }, look, (atom) => pick(root, host, state, atom.index));
  if (!viewer) return root.querySelector(".measured").replaceChildren();
  viewer.removeAllShapes();
  drawMeasure(viewer, state);
  viewer.render();
  host.dataset.labels = labelsOf(state);
  host.dataset.picked = state.picked.join(",");
  tell(root, state);
  spin(host);
}

function spin(host) {
  const viewer = viewers().get(host);
  if (!viewer || host.dataset.spin === String(settings().spin)) return;
  host.dataset.spin = String(settings().spin);
  viewer.spin(settings().spin ? "y" : false, 0.6);
}

// A further click goes on; a click on the last atom takes it back; after four atoms it begins anew.
function pick(root, host, state, atom) {
  if (state.picked.at(-1) === atom) state.picked.pop();
  else if (state.picked.includes(atom)) return;
  else if (state.picked.length === 4) state.picked = [atom];
  else state.picked.push(atom);
  redraw(root, host, state);
}

function places(state) {
  return state.picked.map((atom) => state.data.molecule.positions[atom]);
}

function measure(state) {
  const at = places(state);
  if (at.length === 2) return { name: "Distance", value: norm(minus(at[1], at[0])), unit: "\u00a0Å", decimals: 4 };
  if (at.length === 3) return { name: "Angle", value: angle(...at), unit: "°", decimals: 2 };
  if (at.length === 4) return { name: "Dihedral", value: dihedral(...at), unit: "°", decimals: 2 };
  return null;
}

function bonded(viewer, a, b) {
  return viewer.getModel().selectedAtoms({ index: a })[0]?.bonds.includes(b) ?? false;
}

function drawMeasure(viewer, state) {
  const look = state.data.look;
  const vector = ([x, y, z]) => ({ x, y, z });
  const at = places(state);
  for (const place of at) viewer.addSphere({ center: vector(place), radius: 0.55, color: look.mark, opacity: 0.45 });
  for (let i = 1; i < at.length; i++) {
    viewer.addCylinder({
      start: vector(at[i - 1]),
      end: vector(at[i]),
      radius: bonded(viewer, state.picked[i - 1], state.picked[i]) ? look.stick * 1.35 : 0.045, // seen around a bond too
      dashed: true,
      dashLength: 0.14,
      gapLength: 0.12,
      color: look.ink,
      fromCap: 1,
      toCap: 1,
    });
  }
  const found = measure(state);
  if (!found) return;
  const middle = at.length === 3 ? [at[1]] : at.length === 4 ? [at[1], at[2]] : at;
  const centre = middle[0].map((_, i) => middle.reduce((sum, place) => sum + place[i], 0) / middle.length);
  writeAt(viewer, written(found.value, found.unit === "°" ? 1 : 3) + found.unit, vector(centre), { ink: look.page, page: look.ink }, false);
}

function tell(root, state) {
  const box = root.querySelector(".measured");
  box.replaceChildren();
  const { molecule } = state.data;
  const name = (atom) => molecule.symbols[atom] + (atom + 1);
  const chain = state.picked.map(name).join("–");
  const found = measure(state);
  root.querySelector(".clear").hidden = state.picked.length === 0;
  if (found) {
    element("span", "", `${found.name} ${chain} `, box);
    element("b", "", written(found.value, found.decimals) + found.unit, box);
    if (state.picked.length > 2) {
      const at = places(state);
      const lengths = at.slice(1).map((place, i) => written(norm(minus(place, at[i])), 4));
      element("span", "", ` · distances ${lengths.join(", ")}\u00a0Å`, box);
    }
  } else if (state.picked.length === 1) {
    const atom = state.picked[0];
    element("b", "", `Atom ${atom + 1}, ${molecule.symbols[atom]}`, box);
    element("span", "", ` at ${molecule.stored[atom].map((x) => written(x, 4)).join(", ")} Å`, box);
    for (const column of molecule.columns) {
      const value = column.values[atom];
      const words = value === null ? "" : columnText(column, value, column.decimals + 2);
      const text = value === null ? "no value" : words + (column.unit ? " " + column.unit : "");
      element("span", "", ` · ${column.label} ${text}`, box);
    }
  } else element("span", "", "Click atoms: one for its values, two for a distance, three for an angle, four for a dihedral.", box);
  box.dataset.atoms = String(state.picked.length);
}
