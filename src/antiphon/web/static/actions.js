// Links, forms and buttons: htmx fetches views and swaps them, everything else is a small post to the page.

import { act, call, copy, markCurrent, say, state, tell, title, view } from "./page.js";
import { drawing } from "./log.js";
import { discard, holds, retry } from "./outbox.js";
import { edit, endEdit, leave, submitText, write } from "./composer.js";

const VIEW = { target: "#view", select: "#view", swap: "outerMorph" };
const AROUND = "#sidebar:outerMorph,#page-state:outerHTML";

let arrived = () => {};
let leaving = "";
let fetching = 0;

// --- views ---------------------------------------------------------------------------------------------------------------

/** Show another address of the page. */
export function go(path) {
  leave();
  return ajax("GET", path, { ...VIEW, swap: "outerHTML", selectOOB: AROUND, push: "true" }).then(() => tell(state().title));
}

/** Fetch the view on screen again, in place. */
export function reload() {
  if (leaving && leaving === view().id) return undefined; // deleted here: another view is on its way
  return ajax("GET", location.pathname, { ...VIEW, selectOOB: AROUND });
}

async function ajax(method, path, options) {
  fetching += 1;
  loading();
  try {
    await (await drawing()).ajax(method, path, options);
  } finally {
    fetching -= 1;
    loading();
  }
  came();
}

/** A view is on its way; whoever chose another one meanwhile gets the last one chosen (`hx-sync` of the body). */
function loading() {
  document.documentElement.toggleAttribute("data-loading", fetching > 0);
  document.getElementById("view")?.setAttribute("aria-busy", String(fetching > 0));
}

function came() {
  markCurrent();
  title();
  arrived();
}

function isView(link) {
  if (link.origin !== location.origin || link.target || link.hasAttribute("download")) return false;
  return link.pathname === "/" || /^\/(channels|c|settings|page\/people)\//.test(link.pathname);
}

function onClick(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (link) {
    if (!isView(link)) return;
    event.preventDefault();
    closeSidebar();
    go(link.pathname);
    return;
  }
  const pressed = event.target.closest?.("button");
  if (!pressed || pressed.disabled) return;
  if (pressed.dataset.action && ROW[pressed.dataset.action]) ROW[pressed.dataset.action](pressed);
  else if (pressed.matches(".reaction[data-name]")) toggle(pressed);
  else if (pressed.closest("#emoji-picker")) pick(pressed);
  else if (pressed.dataset.suggestion) suggest(pressed.dataset.suggestion);
  else if (pressed.id === "stop") act("/page/stop", { id: view().id });
}

/** On a phone the sidebar lies over the view; whoever chose something in it wants to see that. */
function closeSidebar() {
  const sidebar = document.getElementById("sidebar");
  if (sidebar?.matches("[popover]:popover-open")) sidebar.hidePopover();
}

/** A form that posts to the page: its answer is the view, with words about what went wrong. */
function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || !view().kind || view().kind === "none") return;
  const path = new URL(event.submitter?.getAttribute("formaction") || form.getAttribute("action") || "", location.href).pathname;
  if (!path.startsWith("/page/") || path === "/page/sign-out") return;
  event.preventDefault();
  if (path === "/page/theme") return; // the choice was made by the click
  const values = Object.fromEntries(new FormData(form, event.submitter));
  ajax("POST", path, { source: form, values, ...VIEW, selectOOB: AROUND, push: null });
}

// --- rows ----------------------------------------------------------------------------------------------------------------

const rowOf = (element) => element.closest("article");
const keyOfRow = (row) => row.id.slice(2);
let reactingTo = "";

const ROW = {
  react(pressed) {
    reactingTo = rowOf(pressed)?.dataset.id ?? "";
  },
  edit(pressed) {
    const row = rowOf(pressed);
    const text = discard(keyOfRow(row));
    if (text !== null) write(text);
    else if (row.matches(".failed")) takeBack(row);
    else edit(row);
  },
  async delete(pressed) {
    const row = rowOf(pressed);
    if (await sure("Delete this message for everyone?", "Delete")) act("/page/delete", { id: view().id, message: row.dataset.id });
  },
  retry(pressed) {
    const row = rowOf(pressed);
    if (!retry(keyOfRow(row))) act("/page/retry", { id: view().id, temp_id: keyOfRow(row) });
  },
  discard(pressed) {
    const row = rowOf(pressed);
    if (holds(keyOfRow(row))) discard(keyOfRow(row));
    if (view().kind === "channel") act("/page/discard", { id: view().id, temp_id: keyOfRow(row) });
  },
  "cancel-edit"(pressed) {
    endEdit(rowOf(pressed));
  },
  "try-again"(pressed) {
    const model = document.getElementById("model")?.value ?? "";
    act("/page/again", { id: view().id, turn: rowOf(pressed).id.slice(2), model });
  },
  async copy(pressed) {
    const code = pressed.parentElement.querySelector("code")?.textContent ?? "";
    const done = await copy(code.replace(/\n$/, "")); // pasted into a terminal, a last line end would run it
    if (!done) return say("The browser does not let this page copy. Select the text instead.");
    tell("Copied");
    pressed.dataset.done = "";
    setTimeout(() => delete pressed.dataset.done, 1_600);
  },
  dismiss(pressed) {
    pressed.closest(".toast")?.remove();
  },
  "new-channel"() {
    const open = ({ id }) => (closeSidebar(), go(`/channels/${encodeURIComponent(id)}`));
    asked((dialog) => dialog.channel("New channel", "Create channel", {}, (form) => posted("/page/create-channel", form, open)));
  },
  "edit-channel"(pressed) {
    const { id, name, description } = pressed.dataset;
    asked((dialog) => dialog.channel("Channel", "Save", { name, description }, (form) => posted("/page/edit-channel", { id, ...form }, () => {})));
  },
  "delete-channel": (pressed) => remove("channel", pressed.dataset.id, "Delete this channel and everything written in it, for everyone?"),
  "delete-chat": (pressed) => remove("chat", pressed.dataset.id, "Delete this chat?"),
  async "rename-chat"(pressed) {
    const title = await ask("Rename chat", "New title", document.querySelector("#view h1")?.textContent.trim() ?? "");
    if (title) act("/page/rename", { id: pressed.dataset.id || view().id, title });
  },
};

async function remove(kind, id, question) {
  if (!(await sure(question, "Delete"))) return;
  leaving = id;
  const answer = await act(`/page/delete-${kind}`, { id });
  if (answer.ok && view().id === id) await go("/");
  leaving = "";
}

/** A message that failed on the way from the page server: its text comes back into the box. */
async function takeBack(row) {
  const answer = await act("/page/discard", { id: view().id, temp_id: keyOfRow(row) });
  if (answer.ok) write(answer.data.content ?? "");
}

/** In a chat a suggestion is the next question; elsewhere it is a beginning to go on from. */
function suggest(text) {
  if (view().kind === "chat") submitText(text);
  else write(text);
}

function toggle(chip) {
  const on = chip.getAttribute("aria-pressed") === "true";
  react(rowOf(chip).dataset.id, chip.dataset.name, !on);
}

function pick(pressed) {
  document.getElementById("emoji-picker").hidePopover?.();
  if (reactingTo) react(reactingTo, pressed.dataset.name, true);
  reactingTo = "";
}

function react(message, name, on) {
  return act(on ? "/page/react" : "/page/unreact", { id: view().id, message, name });
}

// --- small dialogs ---------------------------------------------------------------------------------------------------------

const dialogs = () => import("./later/dialogs.js");

async function asked(question) {
  try {
    return await question(await dialogs());
  } catch {
    say("The server does not answer. Try again in a moment."); // the dialogs' own file could not be fetched
    return false;
  }
}

const sure = (words, label) => asked((dialog) => dialog.sure(words, label));
const ask = (words, label, value) => asked((dialog) => dialog.ask(words, label, value));

/** Post what a dialog holds; answers what is wrong with it. */
async function posted(path, body, then) {
  const answer = await call(path, body);
  if (answer.ok) then(answer.data);
  return answer.detail;
}

// --- life ----------------------------------------------------------------------------------------------------------------

/** Start; `shown` is called when another view is on screen. */
export function start(shown) {
  arrived = shown;
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.request?.headers?.["HX-History-Restore-Request"]) came();
  });
  document.addEventListener("htmx:before:history:restore", leave);
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx?.request) say("The server does not answer. Try again in a moment.");
  });
}
