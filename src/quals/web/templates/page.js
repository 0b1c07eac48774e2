"use strict";
// With script the form's answer comes row by row; without, the same form brings a report.
const form = document.getElementById("ask");
const [rows, results, bar, state, fault] =
  ["rows", "results", "progress", "status", "error"].map((id) => document.getElementById(id));

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const complete = (rest + part.value).split("\n");
    rest = complete.pop();
    yield* complete.map((line) => JSON.parse(line));
  }
}

// The HTML comes from the same templates as a report, written with escaping on; the page's policy runs no script in it.
function show(message) {
  if (message.total) bar.max = message.total;
  if (message.error) throw new Error(message.error);
  if (message.html) {
    const template = document.createElement("template");
    template.innerHTML = message.html;
    rows.append(template.content);
    results.hidden = false;
    bar.value = message.done;
  }
  state.textContent = `${bar.value} of ${bar.max} scored`;
}

async function ask() {
  rows.replaceChildren();
  results.hidden = true;
  fault.textContent = "";
  state.textContent = "Waiting";
  bar.max = 1;
  bar.value = 0;
  bar.hidden = false;
  const answer = await fetch("/stream", { method: "POST", body: new FormData(form) });
  if (!answer.ok) {
    const { error } = await answer.json();
    const later = answer.headers.get("Retry-After");
    throw new Error(error.message + (later && !error.message.includes("try again") ? ` (try again in ${later} s)` : ""));
  }
  for await (const message of lines(answer.body)) show(message);
  if (bar.value < bar.max) throw new Error("The answer broke off before all were scored.");
  if (bar.max === 1) rows.querySelector("details").open = true;
  document.getElementById("results-heading").focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await ask();
  } catch (error) {
    fault.textContent = error.message;
    state.textContent = "";
  }
  button.disabled = false;
  bar.hidden = true;
});
