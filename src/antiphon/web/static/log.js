// The log: how patches change its rows, and where the reader is in it. Whoever is at the end stays at the end;
// anywhere else nothing moves under the reader's eyes.

import { call, htmx, say, tell, view } from "./page.js";

const READ_ALOUD = 1_500; // characters of an answer
const QUIET = 1_000; // ms after older rows came in
const LONG = 120; // rows from which on those far from the screen are not laid out
const NEAR = 50; // px from the end that still count as the end

let atEnd = true;
let place = null;
let set = 0; // the last position that was ours, not the reader's
let watched = null;
let loading = false;
let waits = () => false;
let name = () => "";
let reached = () => {};
let morph = null;
let queue = Promise.resolve();
const delayed = new Map(); // rows that changed while their author was editing them

export const log = () => document.getElementById("log");

/** The element that scrolls. It is laid out from its end (`column-reverse`): it begins there without a script, what
    comes above moves nothing, and `scrollTop` is 0 at the end and negative further up. */
const scroller = () => log()?.closest(".scroller") ?? null;

const distance = (box) => Math.abs(box.scrollTop);

/** Whether the newest row is on screen. */
export function isAtEnd() {
  return atEnd;
}

export function toEnd() {
  const box = scroller();
  if (!box) return;
  box.scrollTop = 0;
  atEnd = true;
  showJump();
}

/** Change the log with `change` and leave the reader where they were. */
export async function keepingPlace(change) {
  const box = scroller();
  const list = log();
  if (!list || atEnd) place = null;
  else if (!place?.text.isConnected || place.height !== box.clientHeight) place = placeOf(firstVisible(list, box), box);
  const held = list?.dataset.of;
  await change();
  if (!log()) return;
  log().toggleAttribute("data-long", log().childElementCount > LONG);
  if (held !== log().dataset.of) return; // another conversation came on screen meanwhile
  if (atEnd) toEnd();
  else if (place?.text.isConnected) {
    const moved = place.text.getBoundingClientRect().top - place.top;
    if (moved) box.scrollTop += moved;
    set = box.scrollTop;
  }
  showJump();
}

/** Where the reader is. It is kept until they scroll: a browser rounds, and the roundings of many patches add up. */
function placeOf(row, box) {
  const text = row?.querySelector(".text") ?? row; // the day above it may move to another row
  return text && { text, top: text.getBoundingClientRect().top, height: box.clientHeight };
}

/** Change something, and let an element stand where it stood: what it opens goes down, not up. */
export function holding(element, change) {
  const before = element.getBoundingClientRect().top;
  change();
  const box = scroller();
  if (box) box.scrollTop += element.getBoundingClientRect().top - before;
}

function firstVisible(list, box) {
  const top = box.getBoundingClientRect().top;
  const rows = rowsOf(list);
  let [first, beyond] = [0, rows.length];
  while (first < beyond) {
    const middle = (first + beyond) >> 1;
    if (rows[middle].getBoundingClientRect().bottom > top) beyond = middle;
    else first = middle + 1;
  }
  return rows[first] ?? null;
}

// --- jump to the latest -------------------------------------------------------------------------------------------

function showJump() {
  const jump = document.getElementById("latest");
  if (jump) jump.hidden = atEnd;
}

// --- load earlier ---------------------------------------------------------------------------------------------------

async function loadEarlier() {
  if (loading || view().kind !== "channel") return;
  loading = true;
  try {
    const oldest = log()?.querySelector("article[data-id]:not([data-local])");
    const answer = await call("/page/earlier", { stream: name(), id: view().id, oldest: oldest?.dataset.id ?? "" });
    if (answer.ok) await quietly(() => apply(answer.data.patch));
    else say(answer.detail);
  } finally {
    loading = false;
  }
}

/** Rows that were asked for are there to be read, not to be read aloud all at once. */
async function quietly(change) {
  const list = log();
  const live = list.getAttribute("aria-live");
  list.setAttribute("aria-live", "off");
  await change();
  setTimeout(() => list.setAttribute("aria-live", live), QUIET);
  tell("Earlier messages are shown.");
}

// --- life -------------------------------------------------------------------------------------------------------------

/** Look after the log that is on screen now; a new conversation starts at its end. */
export function watch() {
  const list = log();
  if (list === watched && list?.dataset.of === view().id) return;
  const first = watched === null;
  watched = list;
  if (!list) return;
  list.dataset.of = view().id;
  if (!first) return toEnd();
  atEnd = true; // a new page begins there by itself; to measure that would lay it out before it is painted
  showJump();
}

// --- patches -----------------------------------------------------------------------------------------------------------

/** Put a patch into the page, after those before it. Lists whose rows have a place use swap styles of our own:
    `rows` (all of them), `row` (some), `gone`, and `blocks` (of an answer that grows). */
export function apply(html) {
  queue = queue
    .then(drawing)
    .then((draw) => keepingPlace(() => draw.swap({ text: html, sourceElement: document.body, target: document.body })))
    .catch((error) => console.error("A patch could not be applied.", error));
  return queue;
}

// --- rows ---------------------------------------------------------------------------------------------------------------

const rowsOf = (list) => [...list.children].filter((child) => child.tagName === "ARTICLE");
const isLast = (row) => row.hasAttribute("data-local") || row.matches(".pending, .failed");
const isLocal = (row) => row.hasAttribute("data-local") && waits(row.id.slice(2));

/** Order of confirmed rows: by time, then by id; times are nanoseconds, too long for a number. */
function isAfter(one, other) {
  const [a, b] = [one.dataset.at, other.dataset.at];
  if (a.length !== b.length) return a.length > b.length;
  if (a !== b) return a > b;
  return one.dataset.id > other.dataset.id;
}

/** The element that already stands for a row: the same key, or the same message under another key. */
function standing(list, row) {
  const same = document.getElementById(row.id);
  if (same?.parentElement === list) return same;
  if (!row.dataset.id) return null;
  return list.querySelector(`:scope > article[data-id="${CSS.escape(row.dataset.id)}"]`);
}

function become(old, row) {
  if (old.querySelector(":scope .editor")) {
    delayed.set(old.dataset.id, row);
    return old;
  }
  const wasRunning = old.dataset.state === "running";
  old.id = row.id;
  const holder = document.createDocumentFragment();
  holder.append(row);
  morph(old, holder, false);
  if (wasRunning && old.dataset.state !== "running") readAloud(old);
  return old;
}

/** The log of a chat is silent while an answer grows: whoever listens hears it once, when it is there. */
function readAloud(turn) {
  const words = turn.querySelector(".text")?.textContent.trim() ?? "";
  const whole = words.length <= READ_ALOUD;
  tell(`${turn.getAttribute("aria-label")}: ${whole ? words : `${words.slice(0, READ_ALOUD)} … The answer goes on.`}`);
}

/** The row is no longer being edited: show what became of it meanwhile. */
export function settle(row) {
  const now = delayed.get(row.dataset.id);
  delayed.delete(row.dataset.id);
  if (now) become(row, now);
}

function all(list, fragment) {
  const rows = [...fragment.children];
  const kept = new Set();
  let previous = null;
  for (const row of rows) {
    const old = standing(list, row);
    const now = old ? become(old, row) : row;
    kept.add(now);
    const next = previous ? previous.nextElementSibling : (rowsOf(list)[0] ?? null);
    if (now !== next) list.insertBefore(now, next);
    previous = now;
  }
  for (const row of rowsOf(list)) {
    if (kept.has(row)) continue;
    if (isLocal(row)) list.append(row);
    else row.remove();
  }
  list.toggleAttribute("data-empty", rowsOf(list).length === 0);
  return [...kept];
}

function some(list, fragment, earlier) {
  const changed = [];
  for (const row of [...fragment.children]) {
    const old = standing(list, row);
    const rows = rowsOf(list).filter((other) => other !== old);
    if (!old && !earlier && isOlderThanHeld(rows, row)) continue;
    const now = old ? become(old, row) : row;
    const next = follower(rows, now);
    if (now.parentElement !== list || now.nextElementSibling !== next) list.insertBefore(now, next);
    changed.push(now);
  }
  list.removeAttribute("data-empty");
  return changed;
}

/** A change to a row before the first one that this tab holds: it comes with its page when that is asked for. */
function isOlderThanHeld(rows, row) {
  if (!row.dataset.at || isLast(row) || !document.getElementById("earlier")) return false;
  const first = rows.find((other) => other.dataset.at && !isLast(other));
  return first !== undefined && isAfter(first, row);
}

/** The row before which `row` stands; pending and local rows stand last. */
function follower(rows, row) {
  if (!row.dataset.at || isLast(row)) {
    if (row.parentElement && isLast(row)) return row.nextElementSibling; // waits where it is
    return rows.find((other) => isLocal(other)) ?? after(rows);
  }
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const other = rows[index];
    if (other.dataset.at && !isLast(other) && isAfter(row, other)) return other.nextElementSibling === row ? row.nextElementSibling : other.nextElementSibling;
  }
  return rows[0] ?? null;
}

const after = (rows) => rows.at(-1)?.nextElementSibling ?? null;

function gone(fragment) {
  for (const { id } of fragment.children) document.getElementById(id)?.remove();
  return [];
}

/** The blocks of answers that grow: each holder of the patch stands for the element of the same id. */
function blocks(fragment) {
  const changed = [];
  for (const holder of [...fragment.children]) {
    const text = document.getElementById(holder.id);
    if (!text) continue;
    text.querySelector(":scope > .waiting")?.remove();
    for (const block of [...holder.children]) {
      const old = document.getElementById(block.id);
      if (!old) text.append(block);
      changed.push(old ? become(old, block) : block);
    }
  }
  return changed;
}

// --- keys -----------------------------------------------------------------------------------------------------

/** The log is one stop of the Tab key. Up and Down lead from row to row, Right and Left through a row's buttons, Escape
    back to the text box. */
function onKey(event) {
  const box = scroller();
  if (!box?.contains(event.target) || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("textarea")) return;
  const row = event.target.closest("#log > article");
  const next = STEPS[event.key]?.(row, rowsOf(log()));
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

const inRow = (row, step) => {
  const stops = row ? [row, ...row.querySelectorAll(".actions button, .copy, .reaction")] : [];
  return stops[stops.indexOf(document.activeElement) + step];
};

const STEPS = {
  ArrowUp: (row, rows) => rows.at(row ? Math.max(0, rows.indexOf(row) - 1) : -1),
  ArrowDown: (row, rows) => (row ? (rows[rows.indexOf(row) + 1] ?? document.getElementById("message")) : null),
  ArrowRight: (row) => inRow(row, 1),
  ArrowLeft: (row) => inRow(row, -1),
  Escape: () => document.getElementById("message"),
};

// --- life ----------------------------------------------------------------------------------------------------

/** htmx with our swap styles. */
export async function drawing() {
  const draw = await htmx();
  if (!morph) {
    draw.registerExtension("antiphon", {
      init(api) {
        morph = api.morph;
      },
      handle_swap(style, target, fragment, spec) {
        if (style === "rows") return all(target, fragment);
        if (style === "row") return some(target, fragment, spec.earlier === true);
        if (style === "gone") return gone(fragment);
        if (style === "blocks") return blocks(fragment);
        return false;
      },
    });
  }
  return draw;
}

/** Start; `held(key)` tells whether the outbox still keeps the message of a local row, `stream()` names the stream,
    `seen()` is called when the reader came to the end. */
export function start({ held, stream, seen }) {
  waits = held;
  name = stream;
  reached = seen;
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#earlier")) loadEarlier();
    else if (event.target.closest?.("#latest")) toEnd();
    const summary = event.target.closest?.("#log summary");
    if (!summary) return;
    event.preventDefault();
    holding(summary, () => summary.parentElement.toggleAttribute("open"));
  });
  document.addEventListener(
    "scroll",
    (event) => {
      const box = scroller();
      if (!box || (event.target !== box && event.target !== document)) return;
      if (Math.abs(box.scrollTop - set) > 1) place = null;
      const was = atEnd;
      atEnd = distance(box) <= NEAR;
      showJump();
      if (atEnd && !was) reached();
    },
    { capture: true, passive: true },
  );
  watch();
}
