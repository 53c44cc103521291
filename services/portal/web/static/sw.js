// The service worker of Skolbro: shows what was pushed, and opens it. It keeps nothing and touches no request.
"use strict";

self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data ? event.data.json() : {};
  } catch {
    said = {};
  }
  const title = String(said.title || "Skolbro");
  const shown = { body: String(said.body || ""), tag: String(said.tag || ""), data: { url: String(said.url || "/") } };
  event.waitUntil(self.registration.showNotification(title, shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const wanted = new URL(event.notification.data.url, self.location.origin);
  const url = wanted.origin === self.location.origin ? wanted.href : self.location.origin + "/";
  event.waitUntil(self.clients.openWindow(url));
});
