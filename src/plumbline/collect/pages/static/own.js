// The page of one's own judgements: the notes on it were read by who sees them.

import { byId } from "./elements.js";
import "./manage/veiled.js";
import { readNotes } from "./work/notes.js";

readNotes(byId("own").dataset.study);
