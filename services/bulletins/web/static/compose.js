// Makes writing nicer: what is typed is saved by itself and shown as a home will see it. Without it, buttons do the same.
"use strict";

const form = document.getElementById("compose");
const saved = document.getElementById("saved");
const PREVIEW_AFTER = 600; // milliseconds of rest
const SAVE_AFTER = 2500;

let typedAt = 0; // grows with every change, so that an answer knows whether it is about what stands there now
let saving = false;
let stopped = false; // somebody has to look: saving by itself would lose one of two people's words

function words() {
  const data = new FormData(form);
  for (const name of ["file", "file_alt", "act", "add"]) data.delete(name);
  return data;
}

async function show() {
  const answer = await fetch(`${form.dataset.base}/preview`, { method: "POST", body: words() });
  if (!answer.ok) return;
  const holder = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const block of holder.querySelectorAll("[data-shown]")) {
    const pane = form.querySelector(`[data-preview="${CSS.escape(block.dataset.shown)}"]`);
    if (!pane) continue;
    pane.hidden = false;
    pane.querySelector("[data-paper]").replaceChildren(document.adoptNode(block));
  }
}

async function save() {
  if (saving || stopped) return;
  saving = true;
  const at = typedAt;
  saved.textContent = form.dataset.saving;
  try {
    const answer = await fetch(`${form.dataset.base}/edit`, {
      method: "POST", body: words(), headers: { accept: "application/json" },
    });
    if (!answer.ok) throw new Error(String(answer.status));
    form.elements.version.value = (await answer.json()).version;
    saved.textContent = form.dataset.saved;
    if (at === typedAt) form.dataset.dirty = "";
  } catch {
    stopped = true;
    saved.textContent = form.dataset.unsaved;
  }
  saving = false;
  if (at !== typedAt) later();
}

let previewTimer, saveTimer;
function later() {
  clearTimeout(previewTimer);
  clearTimeout(saveTimer);
  previewTimer = setTimeout(() => show().catch(() => {}), PREVIEW_AFTER);
  saveTimer = setTimeout(save, SAVE_AFTER);
}

form.addEventListener("input", (event) => {
  if (["file", "file_alt", "add"].includes(event.target.name)) return;
  typedAt += 1;
  form.dataset.dirty = "yes";
  later();
});

// A button sends the same form: nothing may be saved in between, or the page would seem changed by somebody else.
form.addEventListener("submit", (event) => {
  clearTimeout(previewTimer);
  clearTimeout(saveTimer);
  if (saving) {
    event.preventDefault();
    setTimeout(() => form.requestSubmit(event.submitter), 150);
    return;
  }
  stopped = true;
  form.dataset.dirty = "";
});
window.addEventListener("beforeunload", (event) => {
  if (form.dataset.dirty === "yes") event.preventDefault();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // a page from the browser's memory has an old version
});

// How it looks: buttons that write the marks.
const TOOLS = [["bold", "**", "**"], ["heading", "\n# ", ""], ["list", "\n- ", ""], ["link", "[", "](https://)"]];

function around(area, before, after) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const lead = before.startsWith("\n") && (from === 0 || value[from - 1] === "\n") ? before.slice(1) : before;
  area.focus();
  area.setRangeText(lead + value.slice(from, to) + after, from, to, "end");
  if (from === to && after) area.selectionEnd = area.selectionStart = from + lead.length;
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

for (const area of form.querySelectorAll(".edition textarea")) {
  const tools = document.createElement("div");
  tools.className = "tools";
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", form.dataset.tools);
  for (const [name, before, after] of TOOLS) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = form.dataset[name];
    button.addEventListener("click", () => around(area, before, after));
    tools.append(button);
  }
  area.before(tools);
}

// A picture is placed where somebody wrote last, instead of by its long name.
let last = form.querySelector(".edition textarea");
form.addEventListener("focusin", (event) => {
  if (event.target.matches(".edition textarea")) last = event.target;
});
for (const hint of form.querySelectorAll("[data-place]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = form.dataset.placeIt;
  button.addEventListener("click", () => last && around(last, `\n\n${hint.dataset.place}\n`, ""));
  hint.replaceChildren(button);
}
show().catch(() => {});
