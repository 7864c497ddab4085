// Messages come without what is empty (chat/snapshots.py).

const EMPTY = {
  text: "", html: "", mentions: [], uploads: [], reactions: [], reply_to: null, edited_at: null, deleted: false,
};

// Adds what was left out, so that all other modules see whole messages. `html` stays empty if the text
// has no formatting.
export const whole = (message) => ({ ...EMPTY, ...message });
