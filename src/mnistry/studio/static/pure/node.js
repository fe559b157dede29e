/* A node in numbers: v = w0 + sum of w·x, as mnistry.concepts.node computes it. */

/** Each pixel's part of the sum: its weight times its value from 0 to 1.
    @param {number[][]} weights  28 rows of 28
    @param {number[][]} image  of the same shape, 0 to 255 */
export function terms(weights, image) {
  return weights.map((row, r) => row.map((weight, c) => (weight * image[r][c]) / 255));
}

/** The sum of a matrix. */
export function total(picture) {
  return picture.reduce((sum, row) => sum + row.reduce((part, value) => part + value, 0), 0);
}

/** Indices of the nodes with the largest values, the largest first. */
export function strongest(values, most) {
  return [...values.keys()].sort((a, b) => values[b] - values[a] || a - b).slice(0, most);
}

/** Columns and rows of a grid of nodes, about twice as wide as high. */
export function grid(nodes) {
  const columns = Math.max(1, 2 ** Math.round(Math.log2(Math.sqrt(nodes * 2))));
  return { columns, rows: Math.ceil(nodes / columns) };
}

/** The node that a key moves to, or null for any other key. */
export function neighbour(node, key, nodes) {
  const { columns } = grid(nodes);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (key === "Home") return 0;
  if (key === "End") return nodes - 1;
  if (step === undefined) return null;
  const next = node + step;
  return next >= 0 && next < nodes ? next : node;
}

/** One channel of feature maps of shape [rows, columns, channels], as rows of numbers. */
export function channel(values, [rows, columns, channels], which) {
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => values[(r * columns + c) * channels + which]),
  );
}
