const molecules = JSON.parse(document.getElementById("molecules").textContent);
const list = document.querySelector(".gallery");
const cards = [...list.children];
const scene = document.querySelector(".scene");
const colours = { H: "#D7DDE5", C: "#97A1AD", N: "#4F7BFF", O: "#FF5A4F", F: "#56BF66" };
let large = null;

// One WebGL context draws every picture, however many molecules there are.
function viewerIn(place) {
  try {
    const made = $3Dmol.createViewer(place, { backgroundAlpha: 0, antialias: true, disableFog: true });
    if (!made || !place.querySelector("canvas")) return null;
    made.setBackgroundColor(0xffffff, 0);
    return made;
  } catch (error) {
    return null;
  }
}

function put(viewer, molecule) {
  viewer.removeAllModels();
  viewer.addModel(molecule.xyz, "xyz");
  const style = { stick: { radius: 0.1 }, sphere: { scale: 0.26 } };
  viewer.setStyle({}, { stick: { ...style.stick, colorscheme: "Jmol" }, sphere: { ...style.sphere, colorscheme: "Jmol" } });
  for (const [symbol, colour] of Object.entries(colours)) {
    const own = { stick: { ...style.stick, color: colour }, sphere: { ...style.sphere, color: colour } };
    viewer.setStyle({ elem: symbol }, own);
  }
  viewer.zoomTo();
  viewer.zoom(1.3);
  viewer.render();
}

function choose(place, focus) {
  const molecule = molecules[place];
  cards.forEach((card, k) => {
    card.setAttribute("aria-selected", String(k === place));
    card.tabIndex = k === place ? 0 : -1;
  });
  if (focus) cards[place].focus();
  document.querySelector(".large h2").textContent = molecule.title;
  document.querySelector(".large .error").textContent = molecule.error;
  const facts = document.querySelector(".large dl");
  facts.replaceChildren();
  for (const [name, value] of molecule.facts) {
    facts.appendChild(document.createElement("dt")).textContent = name;
    facts.appendChild(document.createElement("dd")).textContent = value;
  }
  if (large) put(large, molecule);
  else {
    const flat = cards[place].querySelector("img");
    scene.replaceChildren();
    scene.classList.add("flat");
    if (flat) scene.appendChild(flat.cloneNode());
  }
  scene.dataset.shown = molecule.id;
}

function step(key, place) {
  const across = Math.max(1, cards.filter((card) => card.offsetTop === cards[0].offsetTop).length);
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[key];
  const to = key === "Home" ? 0 : key === "End" ? cards.length - 1 : by ? place + by : place;
  return Math.min(Math.max(to, 0), cards.length - 1);
}

cards.forEach((card, place) => {
  card.onclick = () => choose(place, true);
  card.onkeydown = (event) => {
    const to = step(event.key, place);
    if (event.key === "Enter" || event.key === " ") choose(place, true);
    else if (to !== place) choose(to, true);
    else return;
    event.preventDefault();
  };
});

async function drawAll() {
  const hidden = document.createElement("div");
  hidden.style.cssText = "position:fixed;left:-2000px;top:0;width:360px;height:260px";
  document.body.appendChild(hidden);
  const small = viewerIn(hidden);
  for (let k = 0; small && k < molecules.length; k++) {
    put(small, molecules[k]);
    cards[k].querySelector("img").src = small.pngURI();
    cards[k].dataset.drawn = "1";
    if (k % 6 === 5) await new Promise((done) => setTimeout(done, 0));
  }
  hidden.remove();
  list.dataset.ready = small ? "3d" : "2d";
}

if (typeof $3Dmol !== "undefined") large = viewerIn(scene);
if (!large) {
  document.querySelector(".notice").hidden = false;
  list.dataset.ready = "2d";
}
choose(0, false);
if (large) drawAll();
