// The few things that the page does with the document. Texts become text, never markup: they are written by strangers.

/** The element with an id of `index.html`. */
export function $<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

/** A new element with texts and elements in it. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  ...inside: (string | Node)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.append(...inside);
  return made;
}

/** A button that does something, and shows when that is refused. */
export function button(text: string, act: () => unknown): HTMLButtonElement {
  const made = el("button", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Shows one of the page's views. */
export function view(id: "opening" | "out" | "class"): void {
  for (const one of ["opening", "out", "class"]) $(one).hidden = one !== id;
}
