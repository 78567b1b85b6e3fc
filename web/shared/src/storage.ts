// Storage may be refused (private windows, policies): then this visit is all there is.

export function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function store(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // see above
  }
}

/** The JSON values under all keys with a prefix; what cannot be read is left out. */
export function storedUnder<Value>(prefix: string): Value[] {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => parsed<Value>(localStorage.getItem(key)));
  } catch {
    return [];
  }
}

function parsed<Value>(text: string | null): Value[] {
  try {
    return text === null ? [] : [JSON.parse(text) as Value];
  } catch {
    return [];
  }
}
