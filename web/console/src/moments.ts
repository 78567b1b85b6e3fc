// Moments to come that a case can be put aside until, in the agent's own zone.

const MORNING = 8;
const LATER_HOURS = 3;
const EVENING = 17;

/** In three hours, but not past the end of the day's work; then it is in one hour. */
export function laterToday(now: Date): Date {
  const later = shifted(now, { hours: LATER_HOURS });
  return later.getDate() === now.getDate() && later.getHours() < EVENING ? later : shifted(now, { hours: 1 });
}

export function tomorrow(now: Date): Date {
  return morning(now, 1);
}

/** The morning of next Monday. */
export function nextWeek(now: Date): Date {
  return morning(now, (8 - now.getDay()) % 7 || 7);
}

function morning(now: Date, days: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
}

function shifted(now: Date, { hours }: { hours: number }): Date {
  return new Date(now.getTime() + hours * 3_600_000);
}
