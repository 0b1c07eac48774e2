"use strict";
// Saves every answer as it is given. Three things must hold whatever happens to the connection:
// an answer is kept on this device until the server has it; a save that is sent again changes nothing,
// for it carries its own name (`write`); and a save is refused if the newest one on the server is neither
// the one this page started from nor one of its own that may or may not have arrived (`bases`).

const main = document.getElementById("item");
const comment = document.getElementById("comment");
const radios = [...document.querySelectorAll("#questions input")];
const words = [...document.querySelectorAll(".word")];
const page = location.pathname;
const started = JSON.parse(main.dataset.state);

let confirmed = started.write; // the newest save that this page knows the server has
let sent = []; // later ones of its own, of which it does not know
let current = null; // what the page shows, until the server has it
let sending = null; // the save that is on its way
let seconds = started.seconds;
let conflict = null; // the other answer, once the server has told us of one
let dead = false; // the link is no longer valid: no use in trying
let goal = null; // where to go once everything has arrived, unless something is changed before
let retry = null;
let delay = 1000;

// What the page shows, to and fro.

function shown() {
  const choices = Object.fromEntries(radios.filter((radio) => radio.checked).map((radio) => [radio.name, radio.value]));
  return { choices, comment: comment.value, marks: marks(), seconds };
}

function show(state) {
  for (const radio of radios) radio.checked = state.choices[radio.name] === radio.value;
  comment.value = state.comment;
  for (const word of words) {
    const { start, end } = place(word);
    const inside = state.marks.some((mark) => mark.side === side(word) && mark.start <= start && end <= mark.end);
    word.setAttribute("aria-pressed", String(inside));
  }
}

const side = (word) => word.parentElement.dataset.side;
const place = (word) => ({ start: Number(word.dataset.start), end: Number(word.dataset.end) });

function marks() {
  // Words marked one after the other are one mark.
  const found = [];
  let last = null;
  for (const word of words) {
    const marked = word.getAttribute("aria-pressed") === "true";
    if (marked && last && side(last) === side(word)) found.at(-1).end = place(word).end;
    else if (marked) found.push({ side: side(word), ...place(word) });
    last = marked ? word : null;
  }
  return found;
}

// Saving.

function newName() {
  // Not crypto.randomUUID, which pages without HTTPS do not have.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Not by the page's address, which changes when the organiser renews the link. Each tab keeps its own, so that none
// throws away what another has not sent yet.
const item = `${main.dataset.study}/${main.dataset.item}#`;
const shelf = item + newName();

function keep() {
  // Storage can be forbidden or full: then only this page holds what the server does not have.
  try {
    if (current) localStorage.setItem(shelf, JSON.stringify(current));
    else localStorage.removeItem(shelf);
  } catch { /* nothing to be done */ }
}

function take() {
  try {
    const other = Object.keys(localStorage).find((key) => key.startsWith(item));
    const kept = JSON.parse(localStorage.getItem(other));
    localStorage.removeItem(other);
    return kept;
  } catch {
    return null;
  }
}

function change() {
  goal = null;
  if (conflict) { // kept for the next visit; sent once it is decided which answer holds
    current = { bases: current.bases, write: newName(), ...shown() };
    return keep();
  }
  current = { bases: [confirmed, ...sent], write: newName(), ...shown() };
  keep();
  if (!dead && !sending && !retry) send();
}

async function send() {
  clearTimeout(retry);
  retry = null;
  const mine = sending = current;
  if (!sent.includes(mine.write)) sent = [...sent, mine.write].slice(-50);
  tell("Saving…");
  const body = JSON.stringify(mine);
  let response = null;
  try {
    response = await fetch(page, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body,
      signal: AbortSignal.timeout?.(15000), // some connections are lost without a word
      keepalive: new Blob([body]).size < 60000, // browsers refuse to outlive the page with more than 64 KiB
    });
  } catch { /* no connection, or no answer in time */ }
  const reply = await response?.json().catch(() => null);
  if (sending === mine) sending = null;
  if (!reply || response.status >= 500) return again();
  delay = 1000;
  if (response.status === 404) return stop("This link is no longer valid. Ask the organiser for a new one; what you changed last is kept on this device.");
  if (!response.ok && response.status !== 409) return stop("The server did not accept this answer. Please tell the organiser.");
  if (current === mine) response.ok ? arrived(reply) : refused(reply);
  else if (current && !sending) send(); // something newer has been answered meanwhile
}

function again() {
  if (!current || sending) return;
  tell(`Not saved yet: no connection. Trying again${goal ? ", then going on" : ""}…`, true);
  clearTimeout(retry);
  retry = setTimeout(send, delay);
  delay = Math.min(delay * 2, 15000);
}

function arrived(reply) {
  confirmed = current.write;
  sent = [];
  current = null;
  keep();
  document.getElementById("done").textContent = reply.done;
  document.getElementById("progress").value = reply.done;
  tell("All saved ✓");
  if (goal) location.assign(goal);
}

function refused(other) {
  goal = null;
  conflict = other;
  tell("");
  reveal("conflict");
}

function settle(mine) {
  const other = conflict;
  conflict = current = null;
  confirmed = other.write;
  sent = [];
  document.getElementById("conflict").hidden = true;
  if (mine) return change();
  show(other);
  seconds = Math.max(seconds, other.seconds);
  keep();
  tell("All saved ✓");
}

function stop(message) {
  dead = true;
  goal = null;
  tell("");
  document.getElementById("problem").textContent = message;
  reveal("problem");
}

function reveal(id) {
  // The notices stand at the top, and on a small screen what is answered is far below.
  const notice = document.getElementById(id);
  notice.hidden = false;
  notice.scrollIntoView({ block: "center" });
}

function tell(message, waiting = false) {
  const saved = document.getElementById("saved");
  saved.textContent = message;
  saved.classList.toggle("waiting", waiting);
}

function leave(event) {
  flush();
  if (conflict) {
    event.preventDefault();
    reveal("conflict");
  } else if (current && !dead) {
    event.preventDefault();
    goal = event.currentTarget.href;
    if (retry) send();
  }
}

let typing = null;
function flush() {
  if (typing) {
    clearTimeout(typing);
    typing = null;
    change();
  }
}

// Words that are wrong: click one, drag over several, or use the keyboard.

function toggle(chosen) {
  if (!chosen.length) return;
  const on = !chosen.every((word) => word.getAttribute("aria-pressed") === "true");
  for (const word of chosen) word.setAttribute("aria-pressed", String(on));
  change();
}

function dragged() {
  const selection = getSelection();
  if (selection.isCollapsed) return [];
  return words.filter((word) => selection.containsNode(word, true));
}

for (const box of document.querySelectorAll(".words")) {
  const own = [...box.querySelectorAll(".word")];
  if (!own.length) continue;
  let entry = own[0]; // the word that Tab leads to
  entry.tabIndex = 0;
  const focus = (word) => {
    entry.removeAttribute("tabindex");
    entry = word;
    entry.tabIndex = 0;
    entry.focus();
  };
  // Chromium extends no selection that begins on a word which takes the focus: no word does while a button is down.
  box.addEventListener("mousedown", () => entry.removeAttribute("tabindex"));
  addEventListener("mouseup", () => { entry.tabIndex = 0; });
  box.addEventListener("click", (event) => {
    const several = dragged().filter((word) => own.includes(word));
    const one = own.filter((word) => word === event.target);
    getSelection().removeAllRanges();
    if (event.detail < 2) toggle(several.length ? several : one); // of a double click the first one counts
    one.forEach(focus);
  });
  const rightwards = getComputedStyle(box).direction === "rtl" ? -1 : 1;
  box.addEventListener("keydown", (event) => {
    const at = own.indexOf(document.activeElement);
    const step = { ArrowRight: rightwards, ArrowLeft: -rightwards }[event.key];
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && own[at + step]) {
      focus(own[at + step]);
      event.preventDefault();
    } else if (event.key === " " || event.key === "Enter") {
      toggle([own[at]]);
      event.preventDefault();
    }
  });
}

// Everything else that can happen on the page.

for (const radio of radios) radio.addEventListener("change", change);
comment.addEventListener("input", () => {
  goal = null;
  clearTimeout(typing);
  typing = setTimeout(flush, 800);
});
comment.addEventListener("blur", flush);
for (const link of document.querySelectorAll("header a, nav a")) link.addEventListener("click", leave);
document.getElementById("theirs").addEventListener("click", () => settle(false));
document.getElementById("mine").addEventListener("click", () => settle(true));
addEventListener("online", () => { if (retry) send(); });
addEventListener("pagehide", () => {
  flush();
  if (current && sending !== current && !conflict && !dead) send(); // no time to wait for the one before
});

let single = true; // whether single keys answer and go on: a setting of the page with the instructions
try {
  single = localStorage.getItem("quals-keys") !== "off";
} catch { /* storage is forbidden */ }
document.body.classList.toggle("no-keys", !single);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === comment) {
    if (event.key === "Escape") comment.blur();
    return;
  }
  if (!single) return;
  // By the key's place, so that the digits work on keyboards that need Shift for them; the number pad may have arrows.
  const [, block, digit] = /^(Digit|Numpad)([1-9])$/.exec(event.code) ?? [];
  const radio = (block === "Digit" || digit === event.key) && radios.find((each) => each.dataset.key === digit);
  if (radio) {
    radio.checked = true;
    change();
  } else if (event.key === "n" || event.key === "N") document.getElementById("next").click();
  else if (event.key === "p" || event.key === "P") document.getElementById("previous")?.click();
  else if (event.key === "c" || event.key === "C") comment.focus();
  else return;
  event.preventDefault();
});

// Active time: the page is in front and something has happened within the last minute.
let active = Date.now();
for (const kind of ["pointermove", "pointerdown", "keydown", "scroll", "touchstart"]) {
  addEventListener(kind, () => { active = Date.now(); }, { passive: true, capture: true });
}
setInterval(() => {
  if (document.visibilityState === "visible" && Date.now() - active < 60000) seconds += 1;
}, 1000);

// What a former visit could not send goes first.
function resume() {
  show(started);
  current = take();
  if (!current) return tell(confirmed ? "All saved ✓" : "");
  show(current);
  seconds = Math.max(seconds, current.seconds);
  [confirmed, ...sent] = current.bases;
  keep();
  send();
}

resume();
