// The page's life in one tab: starts its parts and tells them of one another.

import * as actions from "./actions.js";
import * as composer from "./composer.js";
import * as log from "./log.js";
import * as outbox from "./outbox.js";
import * as stream from "./stream.js";
import { view } from "./page.js";

let seen = "";

/** Another view is on screen, or the same one again. */
function arrived() {
  const { kind, id } = view();
  const now = `${kind}/${id}`;
  log.watch();
  outbox.show();
  if (now !== seen) composer.restore();
  seen = now;
  stream.follow();
}

/** Light, dark or as the system: kept in a cookie, so that the server paints the first screen right. */
function chooseTheme(event) {
  const choice = event.target.closest?.("[data-theme-choice]")?.dataset.themeChoice ?? (event.target.name === "theme" ? event.target.value : null);
  if (!["light", "dark", "system"].includes(choice)) return;
  document.documentElement.dataset.theme = choice;
  for (const other of document.querySelectorAll("[data-theme-choice]")) {
    other.setAttribute("aria-pressed", String(other.dataset.themeChoice === choice));
  }
  document.cookie = `theme=${choice}; path=/; max-age=31536000; samesite=lax`;
}

document.addEventListener("change", chooseTheme);
document.addEventListener("click", chooseTheme);

if (document.getElementById("page-state")) {
  actions.start(arrived);
  log.start({ held: outbox.holds, stream: stream.streamName, seen: stream.tellPresence });
  composer.start();
  outbox.start({
    live: stream.isLive,
    chat: (id) => {
      if (view().kind === "home") actions.go(`/c/${encodeURIComponent(id)}`);
    },
    back: (text) => {
      if (view().kind === "home") composer.write(text);
    },
  });
  outbox.show();
  seen = `${view().kind}/${view().id}`;
  stream.start({ live: outbox.flush, reload: actions.reload });
  // What is on screen can be used before these: first it is painted. A hidden tab paints nothing.
  const afterwards = () => {
    log.drawing();
    (window.requestIdleCallback ?? setTimeout)(stream.tellZone);
  };
  if (document.hidden) afterwards();
  else requestAnimationFrame(() => setTimeout(afterwards));
}
