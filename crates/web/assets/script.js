// What makes the pages more comfortable. Every one of them works without.
"use strict";

const all = (selector) => document.querySelectorAll(selector);

// Times in the reader's own zone and language; the exact form stays in the title. Staff compare
// with records, and keep UTC.
const format = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: "medium",
  timeStyle: "short",
});
for (const time of all("body:not(.staff) time")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  time.title = time.textContent;
  time.textContent = format.format(at);
}

// A switch beside each password.
for (const button of all("[data-show]")) {
  const field = document.getElementById(button.dataset.show);
  const show = button.textContent;
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? show : button.dataset.hide;
  });
  // So that no password is stored as a text that was typed.
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

// Length and a rough idea of strength; the server has the last word.
for (const meter of all("[data-meter]")) {
  const field = document.getElementById(meter.dataset.meter);
  const [gauge, words] = [meter.querySelector(".gauge span"), meter.lastElementChild];
  const spoken = document.querySelector(`[data-level-of=${field.id}]`);
  const min = Number(meter.dataset.min);
  field.addEventListener("input", () => {
    const letters = [...field.value.normalize("NFC")];
    const missing = min - letters.length;
    const good = letters.length >= min + 5 && new Set(letters).size >= 8;
    meter.hidden = letters.length === 0;
    const level = missing > 0 ? "short" : good ? "good" : "fair";
    gauge.className = `w${Math.min(10, Math.floor((letters.length * 10) / (min + 5)))}`;
    const short = missing === 1 ? meter.dataset.one : meter.dataset.short;
    words.textContent = missing > 0 ? short.replace("#", String(missing)) : meter.dataset[level];
    // Said once for each level, not at each key.
    if (meter.dataset.level !== level && missing <= 0) spoken.textContent = words.textContent;
    meter.dataset.level = level;
  });
}

for (const button of all("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  });
}

// A slider beside the number that it sets.
for (const slider of all("[data-slides]")) {
  const number = document.getElementById(slider.dataset.slides);
  slider.hidden = false;
  slider.addEventListener("input", () => { number.value = slider.value; });
  number.addEventListener("input", () => { slider.value = number.value; });
}

// Pressed twice is sent once.
for (const form of all("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => { delete form.dataset.sent; });
}

// A page with a secret is not kept for the "back" button.
addEventListener("pagehide", () => {
  for (const secret of all("[data-secret]")) secret.remove();
});
