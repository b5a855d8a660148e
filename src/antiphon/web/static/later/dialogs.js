// Small dialogs, fetched when the first one is needed: a question, a line of text, a channel's name and purpose.

import { button } from "../page.js";

const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

/**
 * Show a dialog. Without `submit` the answer is whether its button was pressed. With it the dialog stays while that
 * works, shows the words it answers if something is wrong, and closes when it answers nothing.
 */
function dialog(words, label, { fields = [], submit = null, danger = false } = {}) {
  return new Promise((answer) => {
    const box = make("dialog");
    const form = make("form", { method: "dialog" });
    const head = make("h2", { id: "dialog-title", textContent: words });
    const trouble = make("p", { className: "error", role: "alert", hidden: true });
    const yes = make("button", { value: "yes", textContent: label, className: danger ? "primary dangerous" : "primary" });
    const row = make("div", { className: "buttons" });
    row.append(button("Cancel", () => box.close()), yes);
    form.append(head, ...fields, trouble, row);
    box.append(form);
    box.setAttribute("aria-labelledby", head.id);
    form.addEventListener("submit", async (event) => {
      if (!submit) return;
      event.preventDefault();
      if (yes.disabled) return; // pressed twice
      yes.disabled = true;
      trouble.hidden = true;
      const wrong = await submit();
      yes.disabled = false;
      if (!wrong) return box.close("yes");
      trouble.textContent = wrong;
      trouble.hidden = false;
      form.querySelector("input, textarea")?.focus();
    });
    box.addEventListener("close", () => {
      box.remove();
      answer(box.returnValue === "yes");
    });
    document.body.append(box);
    box.showModal();
    (form.querySelector("input, textarea") ?? yes).focus();
  });
}

/** Ask whether something is really meant. */
export const sure = (words, label) => dialog(words, label, { danger: true });

/** Ask for one line; empty if it was not given. */
export async function ask(words, label, value) {
  const field = make("input", { id: "asked", value, maxLength: 200 });
  return (await dialog(words, "Save", { fields: [labelled(label, field)] })) ? field.value.trim() : "";
}

/** Ask for a channel's name and what it is for; `submit({name, description})` answers what is wrong with them. */
export function channel(words, label, { name = "", description = "" }, submit) {
  const names = make("input", { id: "channel-name", value: name, maxLength: 100, required: true, autocomplete: "off" });
  const purpose = make("textarea", { id: "channel-description", value: description, maxLength: 2_000, rows: 2 });
  return dialog(words, label, {
    fields: [labelled("Name", names), labelled("What it is for", purpose, "optional")],
    submit: () => {
      if (!names.value.trim()) return "Give the channel a name.";
      return submit({ name: names.value.trim(), description: purpose.value.trim() });
    },
  });
}

function labelled(words, field, hint = "") {
  const holder = make("div", { className: "field" });
  const label = make("label", { htmlFor: field.id, textContent: words });
  if (hint) label.append(" ", make("span", { className: "hint", textContent: hint }));
  holder.append(label, field);
  return holder;
}
