export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.querySelector(".view");
  setColours(host, data.colours);
  host.style.height = data.height + "px";
  host.setAttribute("aria-label", data.molecule.title);
  if (!host.dataset.prepared) {
    host.dataset.prepared = "1";
    // The wheel scrolls the page until the molecule has been clicked.
    let active = false;
    host.addEventListener("pointerdown", () => (active = true));
    host.addEventListener("pointerleave", () => (active = false));
    host.addEventListener("wheel", (event) => active || event.ctrlKey || event.stopPropagation(), { capture: true });
  }
  load3Dmol(data.scripts)
    .then(() =>
      inTurn(() => {
        if (!host.isConnected) return;
        drawMolecule(host, data.molecule, data.look, (atom) =>
          setTriggerValue("picked", { atom: atom.index, symbol: atom.elem }),
        );
      }),
    )
    .catch(() => say(host, NOT_LOADED));
  return () => forget(host);
}
