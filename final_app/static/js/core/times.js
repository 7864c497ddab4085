// Formats times in the user's language and time zone.

const GROUP_MS = 5 * 60_000; // messages of one author within five minutes share a heading

const clockStyle = { timeStyle: "short", hourCycle: "h23" };
const clock = new Intl.DateTimeFormat(undefined, clockStyle);
const longDay = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", ...clockStyle });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", ...clockStyle });

export const clockTime = (iso) => clock.format(new Date(iso));
export const fullTime = (iso) => full.format(new Date(iso));
export const shortTime = (iso) => short.format(new Date(iso));

export const today = () => new Date().toDateString();
export const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

export function dayName(iso, now = Date.now()) {
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1); // 23 or 25 hours ago when the clocks change
  if (sameDay(iso, now)) return "Today";
  if (sameDay(iso, yesterday)) return "Yesterday";
  return longDay.format(new Date(iso));
}

export function standUnderOneName(previous, message) {
  return (
    previous.author.id === message.author.id &&
    !message.reply_to &&
    sameDay(previous.created_at, message.created_at) &&
    Math.abs(new Date(message.created_at) - new Date(previous.created_at)) <= GROUP_MS
  );
}
