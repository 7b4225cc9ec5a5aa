// Every act, by the name that the API gives it.
//
// An act has `template`, the id of its form; `fill(form, step)`, which puts the question into the form; and
// `read(form, step, pressed)`, which gives the fields of the submission; `pressed` is the button. What cannot be sent yet
// is an `Unfinished`. `words(form, step)` gives the texts that the worker typed, where there are any; `meanwhile(form, step)`
// shows something in the form's place while the answer is on its way.

import { checkWriting } from "./check_writing.js";
import { close } from "./close.js";
import { judgePair } from "./judge_pair.js";
import { judgeTurn } from "./judge_turn.js";
import { label } from "./label.js";
import { rank } from "./rank.js";
import { consent, describe, rateSelf } from "./red_team.js";
import { review } from "./review.js";
import { rule } from "./rule.js";
import { end, say } from "./say.js";

export const ACTS = {
  "judge-pair": judgePair,
  label,
  rank,
  rule,
  "check-writing": checkWriting,
  say,
  end,
  "judge-turn": judgeTurn,
  close,
  consent,
  describe,
  "rate-self": rateSelf,
  review,
};
