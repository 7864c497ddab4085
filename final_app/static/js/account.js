// The account page works without JavaScript. This script only shows its times in the user's time zone.

import { fullTime, shortTime } from "./core/times.js";

for (const time of document.querySelectorAll("time")) {
  time.title = fullTime(time.dateTime);
  time.textContent = shortTime(time.dateTime);
}
