// The server sends messages without their empty fields (chat/snapshots.py).

const EMPTY = {
  text: "", html: "", mentions: [], uploads: [], reactions: [], reply_to: null, edited_at: null, deleted: false,
};

// Adds the fields that were left out, so that all other modules get whole messages. `html` stays empty
// if the text has no formatting.
export const whole = (message) => ({ ...EMPTY, ...message });
