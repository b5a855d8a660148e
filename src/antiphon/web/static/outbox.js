// What a person sent and the server has not confirmed: kept in local storage, shown at once, posted in order,
// tried again when the stream is back, and removed only when the page server says that it is confirmed.

import { keepingPlace, log, toEnd } from "./log.js";
import { button, call, keyOf, newId, say, state, view } from "./page.js";

const RETRY = [2_000, 4_000, 8_000, 15_000]; // ms after an answer that was no confirmation

let timer = 0;
let tries = 0;
let flushing = false;
let again = false;
let hooks = { live: () => false, chat: () => {}, back: () => {} };

/** Start; `live()` tells whether the stream is there, `chat(id)` is called when a new chat has its address, `back(text)`
    when a first question was refused. */
export function start(given) {
  hooks = given;
  window.addEventListener("storage", (event) => {
    if (event.key?.startsWith(keyOf("outbox", ""))) keepingPlace(show);
  });
}

// --- entries ------------------------------------------------------------------------------------------------------------

const keyFor = (entry) => keyOf("outbox", entry.kind, entry.target, entry.temp_id);

function entries() {
  const prefix = keyOf("outbox", "");
  const found = [];
  for (let index = 0; index < localStorage.length; index += 1) {
    const key = localStorage.key(index);
    if (!key.startsWith(prefix)) continue;
    try {
      found.push(JSON.parse(localStorage.getItem(key)));
    } catch {
      localStorage.removeItem(key); // nothing readable was ever there
    }
  }
  return found.sort((one, other) => one.at - other.at);
}

const entryOf = (tempId) => entries().find((entry) => entry.temp_id === tempId);

/** Whether a message still waits here. */
export const holds = (tempId) => entryOf(tempId) !== undefined;

/** Keep and post a message; false, with words on the page, if the browser cannot keep it. */
export function send(content, { model } = {}) {
  const { kind, id } = view();
  const entry = { kind: kind === "home" ? "new" : kind, target: id, temp_id: newId(), content, at: clock(), state: "waiting" };
  if (entry.kind !== "channel") Object.assign(entry, { model, turn_id: newId() });
  if (!keep(entry)) return false;
  showOne(entry);
  toEnd();
  flush();
  return true;
}

/** The time, or just after the newest entry: the order of the keys is the order of sending. */
function clock() {
  return Math.max(Date.now(), (entries().at(-1)?.at ?? 0) + 1);
}

function keep(entry) {
  try {
    localStorage.setItem(keyFor(entry), JSON.stringify(entry));
    return true;
  } catch {
    say("This message is too long for the browser to keep until it is sent. Shorten it, or send it in parts.");
    return false;
  }
}

function drop(entry) {
  localStorage.removeItem(keyFor(entry));
}

/** Try a failed message again. */
export function retry(tempId) {
  const entry = entryOf(tempId);
  if (!entry) return false;
  keep({ ...entry, state: "waiting", error: "" });
  show();
  flush();
  return true;
}

/** Give a message up; returns its text, or null if it does not wait here. */
export function discard(tempId) {
  const entry = entryOf(tempId);
  if (!entry) return null;
  drop(entry);
  rowOf(entry)?.remove();
  return entry.content;
}

// --- posting ------------------------------------------------------------------------------------------------------------

/** Post what waits, oldest first. Two tabs never do it at the same time; where the browser has no locks, the server
    takes a `temp_id` once anyway. */
export async function flush() {
  clearTimeout(timer);
  if (flushing) {
    again = true;
    return;
  }
  flushing = true;
  try {
    do {
      again = false;
      const done = navigator.locks ? await navigator.locks.request(keyOf("outbox"), postAll) : await postAll();
      if (!done) retryLater();
      else tries = 0;
    } while (again);
  } finally {
    flushing = false;
  }
}

function retryLater() {
  if (!hooks.live()) return; // the stream's return starts the next try
  clearTimeout(timer);
  timer = setTimeout(flush, RETRY[Math.min(tries, RETRY.length - 1)]);
  tries += 1;
}

/** Post one after the other; false when the rest has to wait. */
async function postAll() {
  for (const { temp_id: tempId } of entries()) {
    const entry = entryOf(tempId); // it may have been discarded meanwhile
    if (!entry || entry.state === "failed") continue;
    const answer = await post(entry);
    if (answer.status === 200) confirm(entry, answer.data);
    else if ([400, 403, 404, 409, 413, 422].includes(answer.status)) fail(entry, answer.detail);
    else return false;
  }
  return true;
}

function post(entry) {
  if (entry.kind === "channel") return call("/page/send", { id: entry.target, temp_id: entry.temp_id, content: entry.content });
  return call(
    "/page/ask",
    { id: entry.kind === "new" ? "" : entry.target, message_id: entry.temp_id, turn_id: entry.turn_id, model: entry.model ?? "", content: entry.content },
    { timeout: 30_000 },
  );
}

function confirm(entry, { id, key }) {
  drop(entry);
  const row = rowOf(entry);
  if (row?.hasAttribute("data-local")) {
    const other = id && log()?.querySelector(`article[data-id="${CSS.escape(id)}"]`);
    if (other && other !== row) row.remove();
    else if (key) row.id = `m-${key}`; // the stream brings this row in a moment
  }
  if (entry.kind === "new") hooks.chat(id, entry);
}

function fail(entry, detail) {
  const row = rowOf(entry);
  if (entry.kind === "new") {
    drop(entry);
    say(detail);
    hooks.back(entry.content);
  } else if (entry.kind === "chat" && row && !row.hasAttribute("data-local")) {
    drop(entry); // the server's account of this question says that it failed, and offers to try again
  } else {
    keep({ ...entry, state: "failed", error: detail });
    show();
  }
}

// --- showing ------------------------------------------------------------------------------------------------------------

const rowOf = (entry) => document.getElementById(`${entry.kind === "channel" ? "m" : "t"}-${entry.temp_id}`);

/** Show what waits for the conversation on screen. */
export function show() {
  const { kind, id } = view();
  const list = log();
  const waiting = entries().filter((entry) => entry.target === id && entry.kind === (kind === "home" ? "new" : kind));
  for (const row of list?.querySelectorAll("article[data-local]") ?? []) {
    if (!waiting.some((entry) => rowOf(entry) === row) && !row.hasAttribute("data-sent")) row.remove();
  }
  for (const entry of waiting) showOne(entry);
}

/** A row of our own, made from the templates that the page server drew for this person. */
function showOne(entry) {
  const list = log();
  if (!list) return;
  let row = rowOf(entry);
  if (row && !row.hasAttribute("data-local")) return;
  if (!row) {
    row = template(list).content.firstElementChild.cloneNode(true);
    row.id = `${entry.kind === "channel" ? "m" : "t"}-${entry.temp_id}`;
    row.setAttribute("data-local", "");
    for (const name of ["data-id", "data-at"]) row.removeAttribute(name);
    const words = document.createElement("p");
    words.textContent = entry.content;
    words.style.whiteSpace = "pre-wrap";
    row.querySelector(".text").replaceChildren(words);
    for (const time of row.querySelectorAll("time")) time.textContent = hour(entry.at);
    list.querySelector(":scope > .beginning")?.remove();
    list.append(row);
  }
  showState(row, entry);
}

/** With a head, or under the one of the row before, if that is ours too. */
function template(list) {
  const last = [...list.children].filter((row) => row.tagName === "ARTICLE").at(-1);
  const ours = last?.dataset.author === state().user && (last.hasAttribute("data-local") || isRecent(last.dataset.at));
  return (ours && document.getElementById("waiting-row-grouped")) || document.getElementById("waiting-row");
}

const isRecent = (nanoseconds) => Date.now() - Number(nanoseconds) / 1e6 < 5 * 60_000;

const hour = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

function showState(row, entry) {
  const failed = entry.state === "failed";
  row.classList.toggle("pending", !failed);
  row.classList.toggle("failed", failed);
  row.dataset.state = failed ? "failed" : "pending";
  let note = row.querySelector(".state");
  if (!note) {
    note = document.createElement("p");
    note.className = "state";
    row.querySelector(".body").append(note);
  }
  note.replaceChildren(failed ? `Not sent: ${entry.error}` : "Sending…");
  if (!failed) {
    note.removeAttribute("role");
    return;
  }
  note.setAttribute("role", "alert");
  for (const [action, label] of [["retry", "Retry"], ["edit", "Edit"], ["discard", "Discard"]]) {
    const made = button(label, () => {});
    made.dataset.action = action;
    note.append(" ", made);
  }
}
