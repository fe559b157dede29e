/* The studio's HTTP API. An error answer is thrown as an ApiError with the server's own words. */

const BUSY = 503; // the HTTP status of a server that has too many requests at once
const TRIES = 3; // how often a request is sent, at most

export class ApiError extends Error {
  constructor({ what, where, expected, remedy }) {
    const parts = [where ? `${where}: ${what}` : what];
    if (expected) parts.push(`expected ${expected}`);
    if (remedy) parts.push(remedy);
    super(parts.join("; "));
  }
}

/** Send a request; return the answer's JSON. */
export async function ask(path, options) {
  return (await send(path, options)).json();
}

/** Send values as JSON; return the answer's JSON. */
export function tell(method, path, value) {
  return ask(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
}

/** Send a picture's bytes; return the answer, another picture. */
export async function showForPicture(path, given) {
  return (await send(path, picture(given))).blob();
}

/** The options of a request that sends a picture. */
export function picture(given) {
  return {
    method: "POST",
    headers: { "Content-Type": given.type || "application/octet-stream" },
    body: given,
  };
}

async function send(path, options) {
  for (let tries = 1; ; tries += 1) {
    const response = await reach(path, options);
    if (response.ok) return response;
    if (response.status === BUSY && tries < TRIES) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      continue;
    }
    throw await refusal(response);
  }
}

async function reach(path, options) {
  try {
    return await fetch(`api/${path}`, options);
  } catch {
    throw new ApiError({
      what: "the server does not answer",
      remedy: "is mnistry still running in its terminal?",
    });
  }
}

async function refusal(response) {
  try {
    return new ApiError((await response.json()).error);
  } catch {
    return new ApiError({ what: `the server answered ${response.status}` });
  }
}
