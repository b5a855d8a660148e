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

/** Say something in the page's alert region; it goes after a while, or when it is dismissed. */
export function say(words, { action = null, stay = false } = {}) {
  let region = document.getElementById("alerts");
  if (!region) {
    region = document.createElement("div");
    region.id = "alerts";
    region.setAttribute("role", "alert");
    document.body.append(region);
  }
  for (const other of region.children) if (other.dataset.words === words) other.remove();
  const note = document.createElement("div");
  note.className = "alert";
  note.dataset.words = words;
  note.append(Object.assign(document.createElement("span"), { textContent: words }));
  if (action) note.append(button(action.label, () => (note.remove(), action.run())));
  note.append(button("Dismiss", () => note.remove()));
  region.append(note);
  if (!stay) setTimeout(() => note.remove(), 10_000);
}

export function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}
