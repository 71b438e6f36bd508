// Shared by the components that draw molecules. 3Dmol.js is loaded once for the whole page, from the app's own static
// folder if it is there, else from the address that py3Dmol names. All its viewers share one WebGL context.

const LOADING = "__mollens_3dmol";
const VIEWERS = "__mollens_viewers"; // element -> viewer, so that a viewer outlives a rerun

function addScript(address) {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = done;
    script.onerror = () => {
      script.remove();
      failed(new Error(address));
    };
    document.head.appendChild(script);
  });
}

function load3Dmol(addresses) {
  if (window.$3Dmol) return Promise.resolve();
  if (!window[LOADING]) {
    let attempt = Promise.reject(new Error("no address"));
    for (const address of addresses) attempt = attempt.catch(() => addScript(address));
    window[LOADING] = attempt.catch((error) => {
      window[LOADING] = null; // so that the next molecule tries again
      throw error;
    });
  }
  return window[LOADING];
}

// One drawing per frame: compiling shaders takes a while without a fast GPU, and the page must stay usable meanwhile.
// What is large is drawn before the thumbnails that wait.
const TURNS = "__mollens_turns";

function inTurn(work, first = false) {
  const turns = (window[TURNS] ??= { waiting: [], busy: false });
  return new Promise((done) => {
    const turn = () => {
      try {
        work();
      } finally {
        done();
      }
    };
    if (first) turns.waiting.unshift(turn);
    else turns.waiting.push(turn);
    if (!turns.busy) {
      turns.busy = true;
      requestAnimationFrame(() => nextTurn(turns));
    }
  });
}

function nextTurn(turns) {
  try {
    turns.waiting.shift()();
  } finally {
    turns.busy = turns.waiting.length > 0;
    if (turns.busy) requestAnimationFrame(() => nextTurn(turns));
  }
}

function viewers() {
  if (!window[VIEWERS]) window[VIEWERS] = new WeakMap();
  return window[VIEWERS];
}

function element(tag, className, text, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

function setColours(root, colours) {
  for (const [name, value] of Object.entries(colours)) root.style.setProperty("--" + name.replaceAll("_", "-"), value);
}

// A sentence in place of a drawing, with a flat picture of the molecule where there is one.
function say(host, text, picture) {
  host.replaceChildren();
  const message = element("div", "message", null, host);
  if (picture) element("img", "", null, message).src = picture;
  element("span", "", text, message);
  host.dataset.message = "1";
}

function xyzText(molecule) {
  const lines = [String(molecule.symbols.length), ""];
  molecule.symbols.forEach((symbol, i) => lines.push([symbol, ...molecule.positions[i]].join(" ")));
  return lines.join("\n") + "\n";
}

// Whether the canvas holds anything but background: true only when the molecule is really on the screen.
function hasPixels(host) {
  const canvas = host.querySelector("canvas");
  if (!canvas || !canvas.width || !canvas.height) return false;
  const probe = document.createElement("canvas");
  probe.width = probe.height = 64;
  const context = probe.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0, 64, 64);
  const pixels = context.getImageData(0, 0, 64, 64).data;
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) return true;
  return false;
}

function confirmDrawn(host, viewer, atoms, triesLeft) {
  requestAnimationFrame(() => {
    if (!host.isConnected) return;
    if (hasPixels(host)) {
      host.dataset.atoms = String(atoms);
      host.dataset.ready = "1";
    } else if (triesLeft > 0) {
      viewer.render();
      setTimeout(() => confirmDrawn(host, viewer, atoms, triesLeft - 1), 150);
    }
  });
}

// Whether the browser can draw in 3D at all; asked once, and the context for asking is given back.
function hasWebGL() {
  if (window.__mollens_webgl === undefined) {
    const context = document.createElement("canvas").getContext("webgl2");
    window.__mollens_webgl = context !== null;
    context?.getExtension("WEBGL_lose_context")?.loseContext();
  }
  return window.__mollens_webgl;
}

// Draw a molecule into `host`. The camera is kept when only colours or labels change.
function drawMolecule(host, molecule, look, onAtom) {
  let viewer = viewers().get(host);
  if (!viewer) {
    host.replaceChildren();
    if (!hasWebGL()) {
      say(host, NO_WEBGL, molecule.picture);
      return null;
    }
    viewer = window.$3Dmol.createViewer(host, { backgroundAlpha: 0, disableFog: true, antialias: true });
    viewers().set(host, viewer);
  }
  const sameMolecule = host.dataset.molecule === molecule.key;
  const view = sameMolecule ? viewer.getView() : null;
  delete host.dataset.ready;
  host.dataset.molecule = molecule.key;
  viewer.setBackgroundColor(0, 0);
  viewer.removeAllLabels();
  viewer.removeAllModels();
  const model = viewer.addModel(xyzText(molecule), "xyz");
  const atomColour = (atom) =>
    molecule.colours ? molecule.colours[atom.index] : (look.elements[atom.elem] ?? look.other_element);
  const bondColour = molecule.colours ? () => look.bond : atomColour;
  viewer.setStyle(
    {},
    {
      stick: { radius: look.stick, colorfunc: bondColour },
      sphere: { scale: look.sphere, colorfunc: atomColour },
    },
  );
  for (const label of molecule.labels ?? []) {
    const atom = model.selectedAtoms({ index: label.atom })[0];
    if (!atom) continue;
    writeAt(viewer, label.text, atom, look, true);
  }
  if (onAtom) viewer.setClickable({}, true, onAtom);
  // The camera is set before render() builds the geometry: until then each of these draws an empty scene.
  if (view) viewer.setView(view);
  else {
    viewer.zoomTo();
    viewer.zoom(look.zoom * Math.min(1, host.clientWidth / host.clientHeight)); // zoomTo() looks at the height
  }
  viewer.render();
  confirmDrawn(host, viewer, molecule.symbols.length, 20);
  return viewer;
}

// A short text at a point of the scene, readable on any ground.
function writeAt(viewer, text, position, look, below) {
  viewer.addLabel(text, {
    position,
    font: "Inter, sans-serif",
    fontSize: 12,
    fontColor: look.ink,
    backgroundColor: look.page,
    backgroundOpacity: 0.85,
    borderThickness: 0,
    inFront: true,
    padding: 3,
    alignment: below ? "bottomCenter" : "center",
    screenOffset: { x: 0, y: below ? 24 : 0 },
  });
}

function forget(host) {
  const viewer = viewers().get(host);
  if (viewer) {
    viewers().delete(host);
    viewer.spin(false);
    viewer.divwatcher?.disconnect();
    viewer.intwatcher?.disconnect();
    try {
      viewer.clear();
    } catch {
      // the page is being left; the shared context stays with the other viewers
    }
  }
}

const NO_WEBGL = "No 3D view: this browser has WebGL switched off.";
const NOT_LOADED =
  "No 3D view: 3Dmol.js could not be loaded. Run tools/fetch_static.py once where npm is installed, or connect to the internet.";
