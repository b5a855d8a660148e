// Where the reader is in the log: at the end they stay at the end, anywhere else nothing moves under their eyes.

import { call, say, state, view } from "./page.js";

const NEAR = 50; // px from the end that still count as the end

let atEnd = true;
let watched = null;
let loading = false;
let earlier = () => {};

export const log = () => document.getElementById("log");

/** The element that scrolls: the log, or what it lies in on a narrow screen. */
function scroller() {
  for (let element = log(); element && element !== document.body; element = element.parentElement) {
    const { overflowY } = getComputedStyle(element);
    if (overflowY === "auto" || overflowY === "scroll") return element;
  }
  return document.scrollingElement;
}

function distance(box) {
  return box.scrollHeight - box.scrollTop - box.clientHeight;
}

/** Whether the newest row is on screen. */
export function isAtEnd() {
  return atEnd;
}

export function toEnd() {
  const box = scroller();
  if (!box) return;
  box.scrollTop = box.scrollHeight;
  atEnd = true;
  showJump();
}

/** Change the log with `change` and leave the reader where they were. */
export async function keepingPlace(change) {
  const box = scroller();
  const list = log();
  const anchor = !list || atEnd ? null : firstVisible(list, box);
  const before = anchor?.getBoundingClientRect().top ?? 0;
  const held = list?.dataset.of;
  await change();
  if (!log()) return;
  if (held !== log().dataset.of) return; // another conversation came on screen meanwhile
  if (atEnd) toEnd();
  else if (anchor?.isConnected) box.scrollTop += anchor.getBoundingClientRect().top - before;
  showJump();
}

function firstVisible(list, box) {
  const top = box.getBoundingClientRect().top;
  for (const row of list.querySelectorAll("article")) if (row.getBoundingClientRect().bottom > top) return row;
  return null;
}

// --- jump to the latest -------------------------------------------------------------------------------------------

function showJump() {
  let jump = document.getElementById("jump");
  if (!jump && log()) {
    jump = document.createElement("button");
    jump.id = "jump";
    jump.type = "button";
    jump.textContent = "Jump to latest";
    jump.hidden = true;
    jump.addEventListener("click", toEnd);
    log().after(jump);
  }
  if (jump) jump.hidden = atEnd;
}

// --- load earlier ---------------------------------------------------------------------------------------------------

async function loadEarlier() {
  if (loading || view().kind !== "channel") return;
  loading = true;
  try {
    const oldest = log()?.querySelector("article[data-id]:not([data-local])");
    const answer = await call("/page/earlier", { stream: state().stream ?? "", id: view().id, oldest: oldest?.dataset.id ?? "" });
    if (answer.ok) await earlier(answer.data.patch);
    else say(answer.detail);
  } finally {
    loading = false;
  }
}

// --- life -------------------------------------------------------------------------------------------------------------

const resized = new ResizeObserver(() => {
  if (atEnd) toEnd();
});

/** Look after the log that is on screen now; a new conversation starts at its end. */
export function watch() {
  const list = log();
  if (list === watched && list?.dataset.of === view().id) return;
  resized.disconnect();
  watched = list;
  if (!list) return;
  list.dataset.of = view().id;
  scroller().style.overflowAnchor = "none"; // `keepingPlace` does it, and twice is once too often
  resized.observe(list);
  toEnd();
}

/** Start; `patch` puts the rows of an earlier page into the log. */
export function start(patch) {
  earlier = (html) => keepingPlace(() => patch(html));
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#earlier")) loadEarlier();
  });
  document.addEventListener(
    "scroll",
    (event) => {
      const box = scroller();
      if (!box || (event.target !== box && event.target !== document)) return;
      atEnd = distance(box) <= NEAR;
      showJump();
    },
    { capture: true, passive: true },
  );
  document.addEventListener("load", () => atEnd && log() && toEnd(), { capture: true }); // a picture arrived
  watch();
}
