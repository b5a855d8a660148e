// The life of the stream: one per visible tab, noticed when it goes silent, tried again with the link's back-off.
// Each attempt says afresh what the tab shows, so that the stream starts with what is missing.

import { apply, isAtEnd, log } from "./log.js";
import { button, call, markCurrent, say, state, title, view } from "./page.js";

const CONNECT_LIMIT = 20_000; // ms for one attempt
const SILENCE = 25_000; // ms without any event: lost (the server says `alive` every 10 s)
const STEADY = 10_000; // ms of being live after which the back-off starts from the beginning
const HIDDEN = 2_000; // ms that a tab keeps its stream when another one comes before it
const STALE = 15_000; // ms of silence at waking that are not worth waiting for

let source = null;
let phase = "closed"; // closed, connecting, live, waiting
let attempts = 0;
let lastEvent = 0;
let retryAt = 0;
let shown = "";
let name = ""; // the stream's, given by the server
let limit = 0; // timers
let watchdog = 0;
let steady = 0;
let ticking = 0;
let hiding = 0;
let hiddenLock = null;
let hooks = { live: () => {}, reload: () => {} };

/** The name under which the page server knows this tab's stream. */
export const streamName = () => name;

/** Whether the page server is heard right now. */
export const isLive = () => phase === "live";

/** Start; `live` is called whenever the stream is there, `reload` when the view must be fetched again. */
export function start(given) {
  hooks = given;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hide();
    else {
      wake();
      tellZone();
    }
  });
  window.addEventListener("pageshow", wake);
  window.addEventListener("online", wake);
  window.addEventListener("pagehide", close);
  document.addEventListener("submit", (event) => {
    // Whoever signs out goes where that form leads; the stream's end must not lead away from it.
    if (event.target.matches('form[action$="/page/sign-out"]')) close();
  });
  window.addEventListener("focus", tellPresence);
  window.addEventListener("blur", tellPresence);
  if (document.hidden) hide();
  else connect();
}

/** The tab may show something else now: ask for that. */
export function follow() {
  if (phase === "closed") return;
  if (shown !== what()) connect();
  else if (phase === "live") show("live", "Connected"); // the status region may have been swapped
}

function what() {
  const { kind, id } = view();
  return `${kind}/${id}`;
}

function address() {
  const { kind, id } = view();
  const rows = log()?.querySelectorAll("article[data-id]:not([data-local], .pending, .failed)") ?? [];
  const query = new URLSearchParams({
    kind,
    id,
    oldest: rows[0]?.dataset.id ?? "",
    newest: rows[rows.length - 1]?.dataset.id ?? "",
    version: state().version ?? "",
    sidebar: state().sidebar ?? "",
    status: document.getElementById("view")?.dataset.status ?? "",
    focused: isLookedAt() ? "1" : "",
    at_end: isAtEnd() ? "1" : "",
  });
  return `/page/stream?${query}`;
}

function connect() {
  close();
  phase = "connecting";
  shown = what();
  if (attempts === 0) show("connecting", "Connecting…");
  source = new EventSource(address());
  limit = setTimeout(() => lost(), CONNECT_LIMIT);
  source.addEventListener("error", () => lost());
  listen("hello", (event) => {
    const { stream, build } = JSON.parse(event.data);
    clearTimeout(limit);
    name = stream;
    phase = "live";
    show("live", "Connected");
    steady = setTimeout(() => (attempts = 0), STEADY);
    if (state().build && build !== state().build) tellNewBuild();
    hooks.live();
  });
  listen("alive", tellPresence);
  listen("patch", (event) => {
    if (event.lastEventId) state().version = event.lastEventId;
    apply(event.data).then(markCurrent);
  });
  listen("sidebar", (event) => (state().sidebar = event.data));
  listen("unread", (event) => title({ unread: event.data }));
  listen("title", (event) => retitle(event.data));
  listen("reload-view", () => hooks.reload());
  listen("restart", () => lost());
  listen("signed-out", () => {
    close();
    location.assign(`/auth?redirect=${encodeURIComponent(location.pathname)}`);
  });
}

/** The conversation was renamed: its head and the tab say so. */
function retitle(words) {
  const head = document.querySelector("#view-head h1");
  if (head) head.textContent = words;
  title({ words: `${words} · ${(state().title ?? "").split(" · ").at(-1)}` });
}

/** Every event counts as a sign of life; one of a stream that was given up counts for nothing. */
function listen(name, handle) {
  const from = source;
  from.addEventListener(name, (event) => {
    if (from !== source) return;
    lastEvent = Date.now();
    clearTimeout(watchdog);
    watchdog = setTimeout(() => lost(), SILENCE);
    handle(event);
  });
}

function close() {
  source?.close();
  source = null;
  phase = "closed";
  for (const timer of [limit, watchdog, steady]) clearTimeout(timer);
  clearInterval(ticking);
}

function lost() {
  close();
  const base = Math.min(5, 2 ** attempts);
  const low = 0.5 * base;
  const high = Math.min(1.5 * base, 5);
  attempts += 1;
  retryAt = Date.now() + 1000 * (low + Math.random() * (high - low));
  phase = "waiting";
  count();
  ticking = setInterval(count, 250);
}

function count() {
  const left = retryAt - Date.now();
  if (left <= 0) connect();
  else show("waiting", "Waiting for the server", `, next try in ${Math.ceil(left / 1000)} s`);
}

/** Write the state of this link; the seconds are not read aloud each time they change. */
function show(kind, words, seconds = "") {
  const place = document.getElementById("page-link");
  if (!place) return;
  document.getElementById("link")?.setAttribute("data-page", kind);
  if (place.dataset.state === kind) {
    const counter = place.querySelector("[data-seconds]");
    if (counter && counter.textContent !== seconds) counter.textContent = seconds;
    return;
  }
  place.dataset.state = kind;
  place.replaceChildren(words);
  if (kind !== "waiting") return;
  const counter = document.createElement("span");
  counter.dataset.seconds = "";
  counter.setAttribute("aria-hidden", "true");
  counter.textContent = seconds;
  place.append(counter, " ", button("Try now", connect));
}

// --- hidden, awake -----------------------------------------------------------------------------------------------------

function wake() {
  if (document.hidden) return;
  clearTimeout(hiding);
  hiddenLock?.abort();
  hiddenLock = null;
  if (phase === "waiting" || phase === "closed") connect();
  else if (phase === "live" && Date.now() - lastEvent > STALE) connect();
  else tellPresence();
}

/** Browsers open six connections to one server: of the hidden tabs only one keeps its stream, for the title. */
function hide() {
  tellPresence();
  clearTimeout(hiding);
  if (hiddenLock) return;
  hiding = setTimeout(() => {
    close();
    if (!navigator.locks) return;
    hiddenLock = new AbortController();
    const { signal } = hiddenLock;
    navigator.locks
      .request("antiphon-hidden-stream", { signal }, () => {
        if (signal.aborted) return undefined;
        connect();
        return new Promise((free) => signal.addEventListener("abort", free, { once: true }));
      })
      .catch(() => {}); // the tab is looked at again before its turn came
  }, phase === "closed" ? 0 : HIDDEN);
}

const isLookedAt = () => document.hasFocus() && !document.hidden;

/** Tell the server that this tab hears it, and whether somebody is looking. */
export async function tellPresence() {
  if (phase !== "live") return;
  const told = name;
  const answer = await call("/page/presence", { stream: told, focused: isLookedAt(), at_end: isAtEnd() });
  // The server knows no such stream: what still arrives here comes from a dead one.
  if ([401, 410].includes(answer.status) && phase === "live" && told === name) lost();
}

/** Tell this clock's zone, so that times are right from the next first paint on; a traveller's changes. Not at the
    start: a browser takes 15 ms to load what it knows about zones. */
export function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || `; ${document.cookie};`.includes(`; zone=${zone};`)) return;
  document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  // Any request tells it, and what is on screen comes anew, in this zone.
  if (phase === "connecting") connect();
  else tellPresence();
}

function tellNewBuild() {
  say("A newer version of this page is ready.", { kind: "info", action: { label: "Reload", run: () => location.reload() }, stay: true });
  state().build = "";
}
