"use strict";
// Answers that this device keeps because the server does not have them yet (see item.js): opening an item sends its own.

const home = location.pathname;
let kept = [];
try {
  kept = Object.keys(localStorage).filter((key) => key.startsWith(home) && key.includes("#"));
} catch { /* storage is forbidden: nothing is kept */ }
const items = [...new Set(kept.map((key) => key.slice(home.length).split("#")[0]))].sort((one, other) => one - other);

if (items.length) {
  const notice = document.getElementById("unsent");
  notice.append(
    ...items.flatMap((item, place) => {
      const link = document.createElement("a");
      link.href = link.textContent = item;
      return place ? [", ", link] : [link];
    }),
  );
  notice.hidden = false;
  document.querySelector(".notice.done")?.remove();
}
