"use strict";
// A row's detail waits as text inside <noscript>: unpack it when it is first looked at. The text is HTML that
// the templates wrote with escaping on, so parsing it gives back exactly what a reader without script sees.
function unpack(row) {
  const packed = row.querySelector("noscript");
  if (!packed) return;
  const template = document.createElement("template");
  template.innerHTML = packed.textContent;
  packed.replaceWith(template.content);
}

document.addEventListener("toggle", (event) => {
  const row = event.target.closest("li.row");
  if (row && event.target.open) unpack(row);
}, true);

// A link into a row (#r12-q3) opens that row first.
function follow(target) {
  const row = document.getElementById(target.split("-")[0]);
  if (row?.matches("li.row")) {
    row.hidden = false;
    unpack(row);
    row.querySelector("details").open = true;
  }
  document.getElementById(target)?.scrollIntoView({ block: "nearest" });
}
window.addEventListener("hashchange", () => follow(location.hash.slice(1)));

// In a notebook's frame a link would lead to the notebook's address, not into this page.
document.addEventListener("click", (event) => {
  const target = event.target.closest("a[href^='#']")?.getAttribute("href").slice(1);
  if (!target || location.protocol !== "about:") return;
  event.preventDefault();
  follow(target);
});

function setUp() {
  const controls = document.querySelector("form.controls");
  const list = document.getElementById("rows");
  if (!controls || !list) return;
  const [find, show, order] = ["find", "show", "order"].map((id) => document.getElementById(id));
  const rows = [...list.children].map((element) => ({
    element,
    kind: element.dataset.kind,
    level: Number(element.dataset.level),
    number: Number(element.dataset.number),
    score: element.dataset.score === "" ? null : Number(element.dataset.score),
    text: null,
  }));

  const text = (row) => (row.text ??= [...row.element.querySelectorAll("summary > .text, .name")]
    .map((part) => part.textContent.toLowerCase()).join(" "));

  function filter() {
    const wanted = find.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const kept = (!show.value || row.kind === show.value || (show.value === "marked" && row.level >= 2))
        && (!wanted || text(row).includes(wanted));
      row.element.hidden = !kept;
      shown += kept;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length}`;
  }

  function sort() {
    const down = order.value.startsWith("-") ? -1 : 1;
    const key = order.value.replace("-", "");
    // Rows without a score come last either way.
    rows.sort((a, b) => (a[key] === null) - (b[key] === null) || down * (a[key] - b[key]) || a.number - b.number);
    list.append(...rows.map((row) => row.element));
  }

  controls.hidden = false;
  controls.addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", filter);
  show.addEventListener("change", filter);
  order.addEventListener("change", sort);
  filter();
}

setUp();
follow(location.hash.slice(1));
