// Bodies as people read them.

const FORM = "application/x-www-form-urlencoded";

/** JSON with indents, a form as one line a field, anything else as it is. */
export function pretty(body: string, type: string): string {
  if (type.startsWith(FORM)) return [...new URLSearchParams(body)].map(([name, value]) => `${name}: ${value}`).join("\n");
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body; // cut off, or another kind
  }
}
