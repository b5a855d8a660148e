// What this tab shows, and how it speaks to its server.

/** The conversation on screen: `{kind: "channel" | "chat" | "home" | "settings", id}`. */
export function view() {
  const main = document.getElementById("view");
  return { kind: main?.dataset.kind ?? "none", id: main?.dataset.id ?? "" };
}

/** What the page server said about itself when it rendered this page: `{user, build, version, sidebar, base}`. */
export function state() {
  return document.getElementById("page-state")?.dataset ?? {};
}

/** A name for something of this person in local storage. */
export function keyOf(...parts) {
  return ["antiphon", state().user ?? "nobody", ...parts].join(":");
}

/** A random id; `crypto.randomUUID` is missing on pages that came over plain HTTP. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * Post to an action of the page. Never throws: `status` 0 means that the server was not reached.
 * `data` is the JSON answer, `detail` the words for a person if it failed.
 */
export async function call(path, body, { timeout = 15_000, keepalive = false } = {}) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
      keepalive,
    });
    const data = response.headers.get("content-type")?.startsWith("application/json") ? await response.json() : {};
    return { ok: response.ok, status: response.status, data, detail: response.ok ? "" : data.detail || sorry(response.status) };
  } catch {
    return { ok: false, status: 0, data: {}, detail: "The server does not answer. Try again in a moment." };
  }
}

function sorry(status) {
  return `That did not work (the server answered ${status}).`;
}

/** Like `call`, and a failure is said on the page. */
export async function act(path, body) {
  const answer = await call(path, body);
  if (!answer.ok) say(answer.detail);
  return answer;
}

/** Say something to the person; it goes after a while, or when it is dismissed. */
export function say(words, { kind = "error", action = null, stay = false } = {}) {
  const region = document.getElementById("toasts");
  if (!region) return;
  for (const other of [...region.children]) if (other.dataset.words === words) other.remove();
  const toast = document.createElement("div");
  toast.className = `toast ${kind}`;
  toast.dataset.words = words;
  toast.setAttribute("role", kind === "error" ? "alert" : "status");
  toast.append(Object.assign(document.createElement("p"), { textContent: words }));
  if (action) toast.append(button(action.label, () => (toast.remove(), action.run())));
  toast.append(button("Dismiss", () => toast.remove()));
  region.append(toast);
  if (!stay) setTimeout(() => toast.remove(), 10_000);
}

/** Say something to those who listen to the page; nothing is shown. */
export function tell(words) {
  const region = document.getElementById("said");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => (region.textContent = words), 50); // the same words again are a change, too
}

/** Put text on the clipboard; pages that came over plain HTTP have only the old way. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement;
    const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "sr" });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus({ preventScroll: true });
    return done;
  }
}

export function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "link";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

// --- htmx ---------------------------------------------------------------------------------------------------------------

let fetching = null;

/** htmx, which puts views and patches into the page. It is asked for once the page can be used, and again until it came. */
export function htmx() {
  fetching ??= new Promise((came) => fetchScript(new URL("./vendor/htmx.min.js", import.meta.url).href, came));
  return fetching;
}

function fetchScript(address, came, wait = 1_000) {
  const script = Object.assign(document.createElement("script"), { src: address });
  script.addEventListener("load", () => came(window.htmx));
  script.addEventListener("error", () => {
    script.remove();
    setTimeout(fetchScript, wait, address, came, Math.min(2 * wait, 8_000));
  });
  document.head.append(script);
}

// --- the tab's title ----------------------------------------------------------------------------------------------------

/** The title of what is shown, with the number of messages that wait to be read. */
export function title({ words = state().title, unread = state().unread } = {}) {
  const now = state();
  now.title = words;
  now.unread = unread;
  document.title = Number(unread) ? `(${unread}) ${words}` : words;
}

/** Mark the entry of the sidebar that is on screen; the lists come without, because all tabs get the same. */
export function markCurrent() {
  for (const link of document.querySelectorAll("#sidebar a[href]")) {
    if (link.closest(".side-lists") === null) continue;
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
