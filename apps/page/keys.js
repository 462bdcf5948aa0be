// Keys that work wherever the focus is, but in fields and dialogs.

const FIELDS = "input:not([type=radio], [type=checkbox], [type=range]), select, textarea";

// `actions`: by key, in small letters.
export function listenForKeys(actions) {
  addEventListener("keydown", event => {
    if (event.target.matches(FIELDS) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!document.querySelector("dialog[open]")) actions[event.key.toLowerCase()]?.();
  });
}
