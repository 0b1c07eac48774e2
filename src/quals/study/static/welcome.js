"use strict";
// Answers that this device keeps because the server does not have them yet (see item.js): opening an item sends its own.

const notice = document.getElementById("unsent");
let kept = [];
try {
  kept = Object.keys(localStorage);
} catch { /* storage is forbidden: nothing is kept */ }
const items = JSON.parse(notice.dataset.items).filter(({ id }) =>
  kept.some((key) => key.startsWith(`${notice.dataset.study}/${id}#`)),
);

if (items.length) {
  notice.append(
    ...items.flatMap(({ id, number }, place) => {
      const link = document.createElement("a");
      link.href = id;
      link.textContent = number;
      return place ? [", ", link] : [link];
    }),
  );
  notice.hidden = false;
  document.querySelector(".notice.done, #saved")?.remove();
}

// Whoever dictates, or rests a hand on the keyboard, can do without keys that act by themselves (read by item.js).
const keys = document.getElementById("keys");
try {
  keys.checked = localStorage.getItem("quals-keys") !== "off";
} catch { /* they stay on */ }
keys.addEventListener("change", () => {
  try {
    localStorage.setItem("quals-keys", keys.checked ? "on" : "off");
  } catch {
    keys.checked = true; // storage is forbidden
  }
});
