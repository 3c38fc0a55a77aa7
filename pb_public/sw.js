// The service worker of Web Push: it shows what the server sends, one notification per
// collapse key, and leads to it when it is tapped. A web app registers it with
//
//   const worker = await navigator.serviceWorker.register("/sw.js");
//
// and listens for {type: "open", link, notification} from it; docs/notifications.md has
// the rest. What cannot be read is shown as news without details: a browser that is
// shown nothing takes the permission away.
const read = (message) => {
  try {
    const { title, body = "", tag, data = {} } = message.json();
    if (typeof title === "string" && title) return { title, body, tag, data };
  } catch {
    // not ours, or cut off
  }
  return { title: "Lingualink", body: "", data: {} };
};

self.addEventListener("push", (event) => {
  const { title, body, tag, data } = read(event.data);
  const options = { body, data, icon: "/icon.svg" };
  if (tag) options.tag = tag; // replaces what was shown of the same thing
  event.waitUntil(self.registration.showNotification(title, options));
});

// A link is a path of this app, never another site.
const own = (link) => (typeof link === "string" && /^\/(?![/\\])/.test(link) ? link : "/");

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { link, notification } = event.notification.data ?? {};
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
      if (pages.length === 0) return self.clients.openWindow(own(link));
      pages[0].postMessage({ type: "open", link: own(link), notification });
      return pages[0].focus().catch(() => undefined); // only a real tap may
    })(),
  );
});

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
