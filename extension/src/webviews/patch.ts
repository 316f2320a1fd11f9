/**
 * Makes `old` say what `next` says and leaves alone what already does, so that a live region stays the one a screen
 * reader knows, and neither place nor focus nor selection is lost. Listeners stay those of `old`.
 */
export function patch(old: ChildNode, next: ChildNode): void {
  if (old.isEqualNode(next)) {
    return;
  }
  // The page's policy forbids a style written as an attribute.
  const alike = old instanceof Element && next instanceof Element && old.tagName === next.tagName && !next.hasAttribute("style");
  if (!alike) {
    old.replaceWith(next);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name)) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of next.attributes) {
    old.setAttribute(name, value);
  }
  const wanted = [...next.childNodes];
  if (wanted.length !== old.childNodes.length) {
    old.replaceChildren(...wanted);
    return;
  }
  [...old.childNodes].forEach((child, at) => patch(child, wanted[at] as ChildNode));
}
