// Saves figures of the page as SVG or PNG. plotly's own exporter draws the SVG: the button of each figure's hidden mode
// bar starts it, and the file that it would save is taken on its way, given a ground, titles and, for PNG, the font.

const SVG = "http://www.w3.org/2000/svg";
const TITLE = 20; // pixels above a figure that has a title
let saved = 0;

export default function (component) {
  const { data, parentElement } = component;
  const box = parentElement.querySelector(".picture");
  for (const [name, value] of Object.entries(data.colours)) box.style.setProperty("--" + name, value);
  const said = box.querySelector(".said");
  for (const button of box.querySelectorAll("button"))
    button.onclick = async () => {
      said.textContent = "…";
      try {
        await save(data, button.dataset.format, Number(button.dataset.scale || 1));
        said.textContent = "Saved";
      } catch (error) {
        said.textContent = error.message;
      }
    };
  box.dataset.ready = "1";
}

async function save(data, format, scale) {
  const parts = [];
  for (const chart of data.charts) {
    let title = chart.title;
    for (const plot of document.querySelectorAll(`.st-key-${CSS.escape(chart.key)} .js-plotly-plot`)) {
      const place = plot.getBoundingClientRect();
      if (!place.width) continue;
      parts.push({ plot, title, place });
      title = "";
    }
  }
  if (!parts.length) throw new Error("No figure is shown here now.");
  const left = Math.min(...parts.map(({ place }) => place.left));
  const top = Math.min(...parts.map(({ place }) => place.top));
  const above = parts.some(({ title }) => title) ? TITLE : 0;
  const picture = document.createElementNS(SVG, "svg");
  let width = 0;
  let height = 0;
  for (const { plot, title, place } of parts) {
    const drawn = new DOMParser().parseFromString(await exported(plot), "image/svg+xml").documentElement;
    const [wide, high] = [Number(drawn.getAttribute("width")), Number(drawn.getAttribute("height"))];
    const [x, y] = [Math.round(place.left - left), Math.round(place.top - top) + above];
    asShown(plot, drawn);
    const figure = picture.appendChild(document.importNode(drawn, true));
    for (const [name, value] of Object.entries({ x, y, width: wide, height: high })) figure.setAttribute(name, value);
    if (title) written(picture, title, x + 2, y - 6, data.colours.ink);
    width = Math.max(width, x + wide);
    height = Math.max(height, y + high);
  }
  const size = { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` };
  for (const [name, value] of Object.entries(size)) picture.setAttribute(name, value);
  const ground = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ width, height, fill: data.colours.page })) ground.setAttribute(name, value);
  picture.prepend(said("title", data.title), said("desc", data.description), ground);
  if (format === "svg") return hand(textOf(picture), "image/svg+xml", `${data.name}.svg`);
  if (data.font) picture.prepend(await fontFace(data.font));
  return hand(await painted(textOf(picture), width, height, scale), "image/png", `${data.name}.png`);
}

// The SVG of one figure, at the size that it has on the page.
function exported(plot) {
  const name = `mollens-picture-${(saved += 1)}`;
  const button = plot.querySelector('.modebar-btn[data-attr="toImage"], .modebar-btn[data-title*="ownload"]');
  if (!button) throw new Error("This figure cannot be saved.");
  plot._context.toImageButtonOptions = { format: "svg", filename: name, width: null, height: null, scale: 1 };
  return new Promise((done, failed) => {
    const taken = (event) => {
      const link = event.composedPath()[0];
      if (link?.download !== `${name}.svg`) return;
      event.preventDefault();
      event.stopImmediatePropagation(); // a click outside would close the popover
      document.removeEventListener("click", taken, true);
      clearTimeout(late);
      fetch(link.href).then((answer) => answer.text()).then(done, failed);
    };
    const late = setTimeout(() => {
      document.removeEventListener("click", taken, true);
      failed(new Error("The figure could not be drawn."));
    }, 20000);
    document.addEventListener("click", taken, true);
    button.dispatchEvent(new MouseEvent("click"));
  });
}

// The stylesheet of the house makes numbers in narrow figures smaller or hides them; so does the picture.
function asShown(plot, drawn) {
  for (const kind of [".textpoint", ".bartext", ".xtick"]) {
    const shown = plot.querySelectorAll(kind);
    const copies = drawn.querySelectorAll(kind);
    if (shown.length !== copies.length) continue;
    shown.forEach((node, k) => {
      if (getComputedStyle(node).display === "none") copies[k].remove();
      else {
        const size = getComputedStyle(node.querySelector("text") ?? node).fontSize;
        for (const text of copies[k].querySelectorAll("text")) text.style.fontSize = size;
      }
    });
  }
}

function said(tag, text) {
  const node = document.createElementNS(SVG, tag);
  node.textContent = text;
  return node;
}

function written(picture, text, x, y, colour) {
  const node = picture.appendChild(said("text", text));
  const look = { x, y, fill: colour, "font-family": "Inter, sans-serif", "font-size": 12, "font-weight": 600 };
  for (const [name, value] of Object.entries(look)) node.setAttribute(name, value);
}

const textOf = (picture) => new XMLSerializer().serializeToString(picture);

// A picture in an <img> sees none of the page's fonts: it has to bring its own.
async function fontFace(address) {
  const node = said("style", "");
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return node; // drawn with the reader's own font
  const bytes = await answer.blob();
  const inline = await new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(new Blob([bytes], { type: "font/woff2" }));
  });
  node.textContent = `@font-face{font-family:Inter;font-weight:100 900;src:url(${inline}) format("woff2")}`;
  return node;
}

async function painted(svg, width, height, scale) {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, failed) =>
      canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("The picture is too large."))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(address);
  }
}

function hand(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
