/* Which fields are left to be looked at, and which comes next. Knows nothing of the page. */

/** A list of fields and the place in it; `open` are those that are still to be decided. */
export function queue(names) {
  return { names: [...names], open: new Set(names), at: 0 };
}

/** The queue after a step of the server; new fields come right after the present one. */
export function stepped({ names, open, at }, { added, removed }) {
  const left = new Set(open);
  for (const name of removed) left.delete(name);
  const fresh = added.filter((name) => !names.includes(name));
  for (const name of added) left.add(name);
  return { names: [...names.slice(0, at + 1), ...fresh, ...names.slice(at + 1)], open: left, at };
}

/** The place of the next open field, after the present one or else from the start; -1 if none is left. */
export function nextOpen({ names, open, at }) {
  const after = names.findIndex((name, i) => i > at && open.has(name));
  return after >= 0 ? after : names.findIndex((name) => open.has(name));
}

/** The place one back or forth, whether that field is open or decided. */
export function beside({ names, at }, by) {
  return Math.min(Math.max(at + by, 0), names.length - 1);
}

/** How many fields are done. */
export function done({ names, open }) {
  return names.length - open.size;
}
