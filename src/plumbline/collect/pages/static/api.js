// Requests to the HTTP API, with the visitor's session: what failed comes as one of two errors.

/** Goes with every change. */
export const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** The API refused: a problem document. */
export class Refused extends Error {
  constructor(status, told, retryAfterSeconds) {
    super(told.detail ?? `status ${status}`);
    this.status = status;
    this.code = told.code ?? "";
    this.advice = told.advice ?? "";
    this.fields = told.fields ?? [];
    this.stored = told.stored ?? null;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer came: the network, or the server, is gone for now. */
class Unreachable extends Error {}

/** A key that makes a request repeatable: the same key again is the same act. */
export function newKey() {
  return crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the API answers; throws Refused or Unreachable. `seconds` is how long an answer may take; `stop` gives it up before. */
export async function ask(method, path, body, { key, seconds = 30, keepalive = false, stop } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers["X-CSRF-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const late = AbortSignal.timeout(seconds * 1000);
  let answer, text;
  try {
    answer = await fetch(path, {
      method, headers, keepalive, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", redirect: "error", signal: stop ? AbortSignal.any([stop, late]) : late,
    });
    text = await answer.text();
  } catch (error) {
    throw new Unreachable(error.message);
  }
  let told = {};
  try { told = text ? JSON.parse(text) : {}; } catch { /* a proxy's page: the status has to do */ }
  if (answer.ok) return told;
  throw new Refused(answer.status, told, Number(answer.headers.get("Retry-After")) || null);
}

/** No replies could be drawn. What was sent is stored: the step is asked for again, when somebody says so. */
export const NO_REPLIES = ["PL-SVC-001", "PL-SVC-002"];

/** Whether the same request may go well later, unchanged. */
export function passes(error) {
  if (NO_REPLIES.includes(error.code)) return false;
  return error instanceof Unreachable || [429, 502, 503, 504].includes(error.status);
}

/** What an error says to a person; with the names of fields, where the person filled in fields of that name. */
export function inWords(error, { namesFields = true } = {}) {
  if (error instanceof Unreachable) return "The server does not answer. Look at your connection, and try again.";
  if (error.code === "PL-COL-031") return "Whoever runs the study has stopped your work here. What you did before stays and counts; what stands here cannot be sent. Ask them about it.";
  if (error.code === "PL-WEB-009") return `That was too often. Try again in ${error.retryAfterSeconds ?? "a few"} seconds.`;
  const fields = error.fields.map((each) => (namesFields ? `${each.field}: ${each.problem}` : each.problem)).join("; ");
  return [fields || error.message, error.advice].filter(Boolean).map((part) => `${part[0].toUpperCase()}${part.slice(1)}.`).join(" ");
}

/** To the log-in page, and back here afterwards. */
export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
