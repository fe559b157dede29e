/* What is worth showing of a network's layers, as POST /api/explain answers them. */

const MOVERS = new Set(["Cast", "Flatten", "Reshape", "Transpose"]); // operators that only change the layout
const CLASSES = 10;

/** The networks of an ensemble, by the first part of their layers' names; [""] without one. */
export function members(layers) {
  const found = new Set(layers.map(({ name }) => prefix(name)).filter(Boolean));
  return found.size ? [...found] : [""];
}

function prefix(name) {
  return name.match(/^\d+(?=\/)/)?.[0] ?? "";
}

/** One network's layers, each with a title. Of successive layers with the same shape, such as a convolution,
    its normalization and its activation, only the last is shown; the ten classes are not.
    @returns {{title, layer}[]} */
export function stages(layers, member) {
  const own = layers.filter(({ name }) => prefix(name) === member);
  const counts = { Convolution: 0, Pooling: 0 };
  let kind = "Convolution";
  return own.flatMap((layer, i) => {
    const { shape } = layer;
    const operators = layer.kind.split(", ");
    if (operators.some((one) => one === "Conv")) kind = "Convolution";
    else if (operators.some((one) => one.includes("Pool"))) kind = "Pooling";
    if (operators.every((one) => MOVERS.has(one))) return [];
    if (String(own[i + 1]?.shape) === String(shape) || shape.length === 2) return [];
    if (shape.length === 1) return shape[0] === CLASSES ? [] : [{ title: `${shape[0]} nodes`, layer }];
    const [rows, columns, channels] = shape;
    counts[kind] += 1;
    return [{ title: `${kind} ${counts[kind]}: ${channels} feature maps of ${rows}×${columns}`, layer }];
  });
}
