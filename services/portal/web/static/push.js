// Offers this browser to show messages. Nothing is asked of the reader before they press the button.
"use strict";

(() => {
  const box = document.querySelector("[data-push-key]");
  if (!box) return;
  const show = (name) => {
    for (const one of box.querySelectorAll("[data-push]")) one.hidden = one.dataset.push !== name;
  };
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    show("unable");
    return;
  }
  show(Notification.permission === "denied" ? "denied" : "offer");

  const ours = async () => {
    const worker = await navigator.serviceWorker.getRegistration("/");
    return worker ? worker.pushManager.getSubscription() : null;
  };

  const nameOf = async (endpoint) => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint)));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 32);
  };

  const begin = async (form) => {
    if ((await Notification.requestPermission()) !== "granted") {
      show("denied");
      return;
    }
    await navigator.serviceWorker.register("/sw.js", { scope: "/" });
    const worker = await navigator.serviceWorker.ready;
    const wanted = { userVisibleOnly: true, applicationServerKey: box.dataset.pushKey };
    const given = (await worker.pushManager.subscribe(wanted)).toJSON();
    form.elements.endpoint.value = given.endpoint;
    form.elements.p256dh.value = given.keys.p256dh;
    form.elements.auth.value = given.keys.auth;
    form.submit();
  };

  const offer = box.querySelector("[data-push='offer'] form");
  offer.addEventListener("submit", (event) => {
    event.preventDefault();
    begin(offer).catch(() => show("failed"));
  });

  ours().then(async (mine) => {
    if (!mine) return;
    const name = await nameOf(mine.endpoint);
    for (const form of box.querySelectorAll("form")) {
      if (!form.elements.browser || form.elements.browser.value !== name) continue;
      box.querySelector("[data-push='offer']").hidden = true;
      for (const mark of form.parentElement.querySelectorAll("[data-this]")) mark.hidden = false;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        mine.unsubscribe().finally(() => form.submit());
      });
    }
  }).catch(() => {});
})();
