// The text box: keys, size, drafts that survive a reload, the typing signal, and editing one's own last message.

import { act, call, keyOf, view } from "./page.js";
import { send } from "./outbox.js";

const TYPING_EVERY = 2_000; // ms
const DRAFT_AFTER = 300; // ms

let editing = null; // {id, before}
let typedAt = 0;
let typedIn = "";
let saving = 0;

const box = () => document.getElementById("message");
const form = () => document.getElementById("composer");
const draftKey = () => keyOf("draft", view().kind, view().id);

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
  editing = null;
  showEditing();
  const field = box();
  if (!field) return;
  field.value = localStorage.getItem(draftKey()) ?? "";
  fit();
  if (matchMedia("(pointer: fine)").matches) field.focus({ preventScroll: true });
}

function saveDraft() {
  clearTimeout(saving);
  const field = box();
  if (!field || editing) return;
  try {
    if (field.value) localStorage.setItem(draftKey(), field.value);
    else localStorage.removeItem(draftKey());
  } catch {
    localStorage.removeItem(draftKey()); // too long to keep; the text stays in the box
  }
}

/** As high as its text; the style sheet sets the limit. */
function fit() {
  const field = box();
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

// --- sending ------------------------------------------------------------------------------------------------------------

async function submit() {
  const field = box();
  const content = field.value.trim();
  if (!content) {
    field.focus();
    return;
  }
  if (editing) {
    await saveEdit(content);
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

// --- editing -------------------------------------------------------------------------------------------------------------

/** Edit a message in the box; Escape gives it up. */
export async function edit(row) {
  const id = row.dataset.id;
  const answer = await act("/page/source", { kind: view().kind, id: view().id, message: id });
  if (!answer.ok) return;
  editing = { id, before: editing?.before ?? box().value };
  showEditing();
  write(answer.data.content);
}

function endEdit() {
  const { before } = editing;
  editing = null;
  showEditing();
  write(before);
  saveDraft();
}

async function saveEdit(content) {
  const { id } = editing;
  const answer = await act("/page/edit", { id: view().id, message: id, content });
  if (answer.ok && editing?.id === id) endEdit();
}

function showEditing() {
  document.getElementById("editing")?.remove();
  form()?.classList.toggle("editing", editing !== null);
  if (!editing || !form()) return;
  const note = document.createElement("p");
  note.id = "editing";
  note.append("Editing your message. ");
  const cancel = Object.assign(document.createElement("button"), { type: "button", textContent: "Cancel" });
  cancel.addEventListener("click", endEdit);
  note.append(cancel);
  form().prepend(note);
}

function editLast() {
  const own = document.querySelectorAll('#log article[data-id]:not([data-local], .pending, .failed):has([data-action="edit"])');
  const last = own[own.length - 1];
  if (last) edit(last);
}

// --- typing --------------------------------------------------------------------------------------------------------------

function tellTyping() {
  const { kind, id } = view();
  if (kind !== "channel" || editing) return;
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
    if (event.target.id !== "composer") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    submit();
  }, { capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "message" || event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "ArrowUp" && event.target.value === "" && view().kind === "channel") {
      event.preventDefault();
      editLast();
    } else if (event.key === "Escape" && editing) {
      endEdit();
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
