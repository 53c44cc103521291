// Brings new mails into the list every other second, but never while somebody is in the middle of it.
"use strict";
const list = document.getElementById("list");
let shown = list.innerHTML;
setInterval(async () => {
  if (document.hidden || list.contains(document.activeElement)) return;
  try {
    const answer = await fetch(list.dataset.live);
    const fresh = await answer.text();
    if (answer.ok && fresh !== shown) list.innerHTML = shown = fresh;
  } catch { /* the demo has been stopped; what is shown stays */ }
}, 2000);
