// The text box: keys, size, drafts that survive a reload, the typing signal, and editing one's own last message.

import { holding, isAtEnd, settle } from "./log.js";
import { send } from "./outbox.js";
import { act, call, keyOf, view } from "./page.js";

const TYPING_EVERY = 2_000; // ms
const FITS_ITSELF = CSS.supports("field-sizing", "content");
const DRAFT_AFTER = 300; // ms

let typedAt = 0;
let typedIn = "";
let saving = 0;

const box = () => document.getElementById("message");
const form = () => document.getElementById("composer");
const draftKey = () => keyOf("draft", view().kind, view().id);

/** Ask or say something without typing it. */
export function submitText(text) {
  return send(text, { model: document.getElementById("model")?.value });
}

/** Put text into the box and the cursor behind it. */
export function write(text) {
  const field = box();
  if (!field) return;
  field.value = text;
  fit();
  field.focus();
  field.setSelectionRange(text.length, text.length);
}

/** Give the box back what was being written in this conversation. */
export function restore() {
  const field = box();
  if (!field) return;
  field.value = localStorage.getItem(draftKey()) ?? "";
  fit();
  if (matchMedia("(pointer: fine)").matches) field.focus({ preventScroll: true });
}

function saveDraft() {
  clearTimeout(saving);
  const field = box();
  if (!field) return;
  try {
    if (field.value) localStorage.setItem(draftKey(), field.value);
    else localStorage.removeItem(draftKey());
  } catch {
    localStorage.removeItem(draftKey()); // too long to keep; the text stays in the box
  }
}

/** As high as its text; the style sheet sets the limit. */
function fit() {
  if (FITS_ITSELF) return;
  const field = box();
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

// --- sending ------------------------------------------------------------------------------------------------------------

function submit() {
  const field = box();
  const content = field.value.trim();
  if (!content) {
    field.focus();
    return;
  }
  const model = document.getElementById("model")?.value;
  if (!send(content, { model })) return;
  field.value = "";
  saveDraft();
  fit();
  stopTyping();
  field.focus();
}

// --- editing in place ---------------------------------------------------------------------------------------------------

/** Put a form in the place of a message's text. What happens to the row meanwhile is shown afterwards. */
export async function edit(row) {
  if (row.querySelector(".editor")) return;
  const answer = await act("/page/editor", { id: view().id, message: row.dataset.id });
  const text = row.querySelector(".text");
  if (!answer.ok || !text || row.querySelector(".editor")) return;
  const open = () => {
    text.hidden = true;
    text.insertAdjacentHTML("afterend", answer.data.html);
  };
  if (isAtEnd()) open();
  else holding(row, open);
  const field = row.querySelector(".editor textarea");
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}

/** Leave the message as it was. */
export function endEdit(row) {
  row.querySelector(".editor")?.remove();
  const text = row.querySelector(".text");
  if (text) text.hidden = false;
  settle(row);
  box()?.focus();
}

async function saveEdit(form) {
  const row = form.closest("article");
  const content = form.querySelector("textarea").value.trim();
  if (!content) return;
  const answer = await act("/page/edit", { id: view().id, message: row.dataset.id, content });
  if (answer.ok) endEdit(row);
}

function editLast() {
  const own = document.querySelectorAll('#log article[data-id]:has([data-action="edit"])');
  const last = own[own.length - 1];
  if (last) edit(last);
}

// --- typing --------------------------------------------------------------------------------------------------------------

function tellTyping() {
  const { kind, id } = view();
  if (kind !== "channel") return;
  const now = Date.now();
  if (typedIn === id && now - typedAt < TYPING_EVERY) return;
  [typedAt, typedIn] = [now, id];
  call("/page/typing", { id, active: true });
}

function stopTyping() {
  if (!typedIn) return;
  const id = typedIn;
  [typedAt, typedIn] = [0, ""];
  call("/page/typing", { id, active: false }, { keepalive: true });
}

// --- life ----------------------------------------------------------------------------------------------------------------

export function start() {
  document.addEventListener("submit", (event) => {
    const editor = event.target.closest(".editor");
    if (event.target.id !== "composer" && !editor) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (editor) saveEdit(editor);
    else submit();
  }, { capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const editor = event.target.closest?.(".editor");
    if (!editor && event.target.id !== "message") return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && event.target.tagName === "TEXTAREA") {
      event.preventDefault();
      if (editor) saveEdit(editor);
      else submit();
    } else if (event.key === "Escape" && editor) {
      endEdit(editor.closest("article"));
    } else if (event.key === "Escape" && document.getElementById("stop")) {
      document.getElementById("stop").click();
    } else if (event.key === "ArrowUp" && !editor && event.target.value === "" && view().kind === "channel") {
      event.preventDefault();
      editLast();
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.id !== "message") return;
    fit();
    clearTimeout(saving);
    saving = setTimeout(saveDraft, DRAFT_AFTER);
    if (event.target.value) tellTyping();
    else stopTyping();
  });
  window.addEventListener("pagehide", () => {
    saveDraft();
    stopTyping();
  });
  document.addEventListener("focusout", (event) => event.target.id === "message" && saveDraft());
  restore();
}

/** The tab leaves this conversation. */
export function leave() {
  saveDraft();
  stopTyping();
}
