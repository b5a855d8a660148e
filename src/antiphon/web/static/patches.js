// How what the stream brings gets into the page: htmx swaps and morphs, and three swap styles of our own for lists
// whose rows have a place (`rows`: all of them, `row`: some of them) and for the blocks of an answer (`blocks`).

import { keepingPlace } from "./log.js";

let morph = null;
let waits = () => false;
let queue = Promise.resolve();

/** Put a patch into the page, after those before it. */
export function apply(html) {
  queue = queue
    .then(() => keepingPlace(() => swap(html)))
    .catch((error) => console.error("A patch could not be applied.", error));
  return queue;
}

export function swap(html) {
  return window.htmx.swap({ text: html, sourceElement: document.body, target: document.body });
}

/** Start; `held(key)` tells whether the outbox still keeps the message of a local row. */
export function start(held) {
  waits = held;
  window.htmx.registerExtension("antiphon", {
    init(api) {
      morph = api.morph;
    },
    handle_swap(style, target, fragment, spec) {
      if (style === "rows") return all(target, fragment);
      if (style === "row") return some(target, fragment, spec.earlier === true);
      if (style === "blocks") return blocks(target, fragment);
      return false;
    },
  });
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
  old.id = row.id;
  const holder = document.createDocumentFragment();
  holder.append(row);
  morph(old, holder, false);
  return old;
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

// --- blocks of a streaming answer --------------------------------------------------------------------------------------

function blocks(target, fragment) {
  const changed = [];
  for (const block of [...fragment.children]) {
    const old = document.getElementById(block.id);
    if (old) changed.push(become(old, block));
    else {
      target.append(block);
      changed.push(block);
    }
  }
  return changed;
}
